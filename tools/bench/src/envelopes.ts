/** A Group Key wrapped for one member after another, against the HKDF and the key wrap that each envelope takes. */
import { EntityUserKey, GroupKey, join, lp, SECRET_BYTES, systemRandom, u64 } from '@cpns/core';
import { makeEnvelope } from '@cpns/group-key';
import { deriveKeyId } from '@cpns/key-derivation';
import { bareWrap } from './baseline-group';
import { compare, type Comparison } from './compare';

const GROUP = 'living-room';
const VERSION = 7n;
/** Members that take turns, so that no side profits from one member's bytes being at hand. */
const MEMBERS = 100;

export function benchEnvelopes(): Promise<Comparison> {
  const keyBytes = systemRandom.bytes(SECRET_BYTES);
  const groupKey = new GroupKey(keyBytes);
  const empty = Buffer.alloc(SECRET_BYTES);
  const members = Array.from({ length: MEMBERS }, (_, n) => {
    const entity = `cpns://pn1.bench.example/pne/device-${n}`;
    const secretBytes = systemRandom.bytes(SECRET_BYTES);
    const secret = new EntityUserKey(secretBytes);
    const terms = { groupId: GROUP, version: VERSION, entity };
    const info = join('cpns/v1/group-key-wrap', lp(GROUP), u64(VERSION), lp(entity), Buffer.of(1));
    return { secretBytes, secret, keyId: deriveKeyId(secret), terms, info };
  });
  const rounds = { batch: 20 * MEMBERS, rounds: 61, warmUp: 5 };
  return compare(
    { name: 'envelopes: a Group Key for each member', unit: 'envelopes/s', ...rounds, target: 0.8 },
    (count) => {
      for (let i = 0; i < count; i += MEMBERS)
        for (const { secret, keyId, terms } of members) makeEnvelope(secret, keyId, terms, groupKey);
    },
    (count) => {
      for (let i = 0; i < count; i += MEMBERS)
        for (const { secretBytes, info } of members) bareWrap(secretBytes, empty, info, keyBytes);
    },
  );
}
