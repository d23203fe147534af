import { ConfirmKey, SecondSeed } from '@cpns/core';
import { flipped, reasonOf, SeededRandom } from '@cpns/core/testing';
import fc from 'fast-check';
import {
  confirmClientMac,
  confirmServerMac,
  encodeRegistration,
  parseRegistration,
  verifyConfirmClientMac,
  verifyConfirmServerMac,
  type Registration,
} from './proof';
import { replaceMac, verifyReplaceMac } from './renewal';

const random = new SeededRandom('registration');
const registration: Registration = {
  tokenId: 'tok-1',
  firstSeedId: 'seed-1',
  gateway: 'cpns://pn1.td/pn-gw/gw',
  entity: 'cpns://pn1.td/pne/camera',
  user: 'alice',
  notAfter: 1_795_000_000_000,
  secondSeed: new SecondSeed(random.bytes(32)),
  nonce: random.bytes(16),
};
const written = (change: Partial<Registration>) => encodeRegistration({ ...registration, ...change });
const t1 = written({});
const key = new ConfirmKey(random.bytes(32));

const macs = [
  ['confirm-client', confirmClientMac, verifyConfirmClientMac],
  ['confirm-server', confirmServerMac, verifyConfirmServerMac],
  ['replace', replaceMac, verifyReplaceMac],
] as const;

describe.each(macs)('%s', (_name, make, verify) => {
  const mac = make(key, t1);

  it('is taken as it was made', () => {
    expect(reasonOf(() => verify(key, t1, mac))).toBe('accepted');
  });

  it('is of one T1', () => {
    const changes: readonly Partial<Registration>[] = [
      { tokenId: 'tok-2' },
      { firstSeedId: 'seed-2' },
      { gateway: 'cpns://pn1.td/pn-gw/other' },
      { entity: 'cpns://pn1.td/pne/other' },
      { user: '' },
      { notAfter: registration.notAfter + 1 },
      { secondSeed: new SecondSeed(flipped(registration.secondSeed.expose())) },
      { nonce: flipped(registration.nonce) },
    ];
    expect(changes.flatMap(Object.keys).sort()).toEqual(Object.keys(registration).sort());
    for (const change of changes) {
      const other = written(change);
      expect(reasonOf(() => verify(key, other, mac))).toBe('CONFIRMATION_MAC');
    }
  });

  it('is of one key, and of one purpose', () => {
    expect(reasonOf(() => verify(new ConfirmKey(random.bytes(32)), t1, mac))).toBe('CONFIRMATION_MAC');
    for (const [, makeOther] of macs.filter(([, other]) => other !== make))
      expect(reasonOf(() => verify(key, t1, makeOther(key, t1)))).toBe('CONFIRMATION_MAC');
  });

  it('has 32 bytes', () => {
    expect(reasonOf(() => verify(key, t1, mac.subarray(1)))).toBe('FIELD_SIZE');
    expect(reasonOf(() => verify(key, t1, Buffer.alloc(0)))).toBe('FIELD_MISSING');
  });
});

describe('T1', () => {
  it('is read back as it was written', () => {
    const { secondSeed, ...fields } = parseRegistration(t1);
    const { secondSeed: expected, ...rest } = registration;
    expect(fields).toEqual(rest);
    expect(secondSeed.equals(expected)).toBe(true);
  });

  it.each([15, 17])('is not made with a nonce of %d bytes', (size) => {
    const nonce = Buffer.alloc(size);
    expect(reasonOf(() => written({ nonce }))).toBe('FIELD_SIZE');
  });

  it.each<[string, Buffer, string]>([
    ['as it is', t1, 'accepted'],
    ['nothing', Buffer.alloc(0), 'MALFORMED_MESSAGE'],
    ['cut', t1.subarray(0, -1), 'MALFORMED_MESSAGE'],
    ['one byte more', Buffer.concat([t1, Buffer.of(0)]), 'MALFORMED_MESSAGE'],
    ['a token-id outside its pattern', written({ tokenId: 'a/b' }), 'NAME_INVALID'],
    ['no first-seed-id', written({ firstSeedId: '' }), 'FIELD_MISSING'],
    ['a gateway with a user', written({ gateway: 'cpns://a.b/pne/c?user=d' }), 'NAME_INVALID'],
    ['an entity that is a service', written({ entity: 'cpns://td/service/x' }), 'NAME_INVALID'],
    ['a user of 65 characters', written({ user: 'u'.repeat(65) }), 'FIELD_TOO_LONG'],
    ['a time that is not exact', laterThanExact(), 'FIELD_OUT_OF_RANGE'],
  ])('%s', (_what, bytes, reason) => {
    expect(reasonOf(() => parseRegistration(bytes))).toBe(reason);
  });

  it('whatever the bytes, they are refused with a reason or written back alike', () => {
    fc.assert(
      fc.property(fc.nat(t1.length - 1), fc.nat(255), (at, value) => {
        const bytes = Buffer.from(t1);
        bytes[at] = value;
        const reason = reasonOf(() => {
          expect(encodeRegistration(parseRegistration(bytes)).equals(bytes)).toBe(true);
        });
        expect(reason).toMatch(/^(accepted|MALFORMED_MESSAGE|NAME_INVALID|FIELD_(MISSING|TOO_LONG|OUT_OF_RANGE))$/);
      }),
      { numRuns: 400 },
    );
  });
});

function laterThanExact(): Buffer {
  const bytes = Buffer.from(t1);
  // not-after stands before the second seed and the nonce
  bytes.writeBigUInt64BE(1n << 53n, t1.length - 16 - 32 - 8);
  return bytes;
}
