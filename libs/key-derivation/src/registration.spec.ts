import { ConfirmKey, SecondSeed } from '@cpns/core';
import { flipped, reasonOfAsync, SeededRandom } from '@cpns/core/testing';
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
const t1 = encodeRegistration(registration);
const key = new ConfirmKey(random.bytes(32));

const macs = [
  ['confirm-client', confirmClientMac, verifyConfirmClientMac],
  ['confirm-server', confirmServerMac, verifyConfirmServerMac],
  ['replace', replaceMac, verifyReplaceMac],
] as const;

describe.each(macs)('%s', (_name, make, verify) => {
  const mac = make(key, t1);

  it('is taken as it was made', async () => {
    expect(await reasonOfAsync(() => verify(key, t1, mac))).toBe('accepted');
  });

  it('is of one T1', async () => {
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
      const other = encodeRegistration({ ...registration, ...change });
      expect(await reasonOfAsync(() => verify(key, other, mac))).toBe('CONFIRMATION_MAC');
    }
  });

  it('is of one key, and of one purpose', async () => {
    expect(await reasonOfAsync(() => verify(new ConfirmKey(random.bytes(32)), t1, mac))).toBe('CONFIRMATION_MAC');
    for (const [, makeOther] of macs.filter(([, other]) => other !== make))
      expect(await reasonOfAsync(() => verify(key, t1, makeOther(key, t1)))).toBe('CONFIRMATION_MAC');
  });

  it('has 32 bytes', async () => {
    expect(await reasonOfAsync(() => verify(key, t1, mac.subarray(1)))).toBe('FIELD_SIZE');
    expect(await reasonOfAsync(() => verify(key, t1, Buffer.alloc(0)))).toBe('FIELD_MISSING');
  });
});

describe('T1', () => {
  it('is read back as it was written', () => {
    const { secondSeed, ...fields } = parseRegistration(t1);
    const { secondSeed: expected, ...rest } = registration;
    expect(fields).toEqual(rest);
    expect(secondSeed.equals(expected)).toBe(true);
  });

  it.each([15, 17])('is not made with a nonce of %d bytes', async (size) => {
    const nonce = Buffer.alloc(size);
    expect(await reasonOfAsync(() => encodeRegistration({ ...registration, nonce }))).toBe('FIELD_SIZE');
  });

  it.each<[string, Buffer, string]>([
    ['as it is', t1, 'accepted'],
    ['nothing', Buffer.alloc(0), 'MALFORMED_MESSAGE'],
    ['cut', t1.subarray(0, -1), 'MALFORMED_MESSAGE'],
    ['one byte more', Buffer.concat([t1, Buffer.of(0)]), 'MALFORMED_MESSAGE'],
    ['a token-id outside its pattern', encodeRegistration({ ...registration, tokenId: 'a/b' }), 'NAME_INVALID'],
    ['no first-seed-id', encodeRegistration({ ...registration, firstSeedId: '' }), 'FIELD_MISSING'],
    [
      'a gateway with a user',
      encodeRegistration({ ...registration, gateway: 'cpns://a.b/pne/c?user=d' }),
      'NAME_INVALID',
    ],
    [
      'an entity that is a service',
      encodeRegistration({ ...registration, entity: 'cpns://td/service/x' }),
      'NAME_INVALID',
    ],
    ['a user of 65 characters', encodeRegistration({ ...registration, user: 'u'.repeat(65) }), 'FIELD_TOO_LONG'],
    ['a time that is not exact', laterThanExact(), 'FIELD_OUT_OF_RANGE'],
  ])('%s', async (_what, bytes, reason) => {
    expect(await reasonOfAsync(() => parseRegistration(bytes))).toBe(reason);
  });

  it('whatever the bytes, they are refused with a reason or written back alike', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(t1.length - 1), fc.nat(255), async (at, value) => {
        const bytes = Buffer.from(t1);
        bytes[at] = value;
        const reason = await reasonOfAsync(() => {
          expect(encodeRegistration(parseRegistration(bytes)).equals(bytes)).toBe(true);
        });
        expect([
          'accepted',
          'MALFORMED_MESSAGE',
          'NAME_INVALID',
          'FIELD_MISSING',
          'FIELD_TOO_LONG',
          'FIELD_OUT_OF_RANGE',
        ]).toContain(reason);
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
