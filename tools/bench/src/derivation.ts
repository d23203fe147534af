/** Second seed, Entity-User Key, key-id and confirm key, against the eight HMACs that they are made of. */
import { FirstSeed, join, lp, NONCE_BYTES, SECRET_BYTES, systemRandom, u64 } from '@cpns/core';
import { deriveConfirmKey, deriveEntityUserKey, deriveKeyId, deriveSecondSeed } from '@cpns/key-derivation';
import { bareDerive } from './baseline-crypto';
import { compare, type Comparison } from './compare';

const terms = {
  firstSeedId: '0123456789abcdef01234567',
  gateway: 'cpns://pn1.bench.example/pn-gw/gw1',
  entity: 'cpns://pn1.bench.example/pne/device-1',
  user: 'user-1',
  notAfter: Date.UTC(2030, 0, 1),
};

export function benchDerivation(): Promise<Comparison> {
  const seedBytes = systemRandom.bytes(SECRET_BYTES);
  const firstSeed = new FirstSeed(seedBytes);
  const salt = systemRandom.bytes(NONCE_BYTES);
  const who = join(lp(terms.firstSeedId), lp(terms.gateway), lp(terms.entity), lp(terms.user));
  const end = Buffer.of(1);
  const infos = {
    secondSeed: join('cpns/v1/second-seed', who, end),
    entityUserKey: join('cpns/v1/entity-user-key', who, u64(terms.notAfter), end),
    keyId: join('cpns/v1/key-id', end),
    confirm: join('cpns/v1/confirm', end),
  };
  const empty = Buffer.alloc(SECRET_BYTES);
  return compare(
    {
      name: 'derivation: second seed, key, key-id, confirm key',
      unit: 'derivations/s',
      batch: 2_000,
      rounds: 61,
      warmUp: 5,
      target: 0.8,
    },
    (count) => {
      for (let i = 0; i < count; i++) {
        const secondSeed = deriveSecondSeed(firstSeed, salt, terms);
        const key = deriveEntityUserKey(firstSeed, secondSeed, terms);
        deriveKeyId(key);
        deriveConfirmKey(key);
      }
    },
    (count) => {
      for (let i = 0; i < count; i++) bareDerive(seedBytes, salt, empty, infos);
    },
  );
}
