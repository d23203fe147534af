import { ConfirmKey, SecondSeed } from '@cpns/core';
import { flipped, reasonOf, SeededRandom } from '@cpns/core/testing';
import {
  confirmClientMac,
  confirmServerMac,
  encodeRegistration,
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
  it.each([15, 17])('is not made with a nonce of %d bytes', (size) => {
    const nonce = Buffer.alloc(size);
    expect(reasonOf(() => written({ nonce }))).toBe('FIELD_SIZE');
  });
});
