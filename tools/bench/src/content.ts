/** 1 kB sealed by one member and opened by another, against bare AES-256-GCM over the same bytes. */
import { GroupKey, SECRET_BYTES, systemRandom } from '@cpns/core';
import { ContentOpener, ContentSealer, deriveContentKey, encodeContentHeader } from '@cpns/group-key';
import { bareOpen, bareSeal } from './baseline-group';
import { compare, type Comparison } from './compare';

const PLAINTEXT_BYTES = 1_024;
const NONCE_BYTES = 12;

export function benchContent(): Promise<Comparison> {
  const groupKey = new GroupKey(systemRandom.bytes(SECRET_BYTES));
  const who = { groupId: 'living-room', version: 7n, sender: 'cpns://pn1.bench.example/pne/device-1' };
  const sealer = new ContentSealer({ ...who, groupKey, random: systemRandom });
  const opener = new ContentOpener();
  const find = () => groupKey;
  const plaintext = systemRandom.bytes(PLAINTEXT_BYTES);
  const key = deriveContentKey(groupKey, sealer.terms).expose();
  const aad = encodeContentHeader({ ...sealer.terms, counter: 0n });
  const nonce = Buffer.alloc(NONCE_BYTES);
  let counter = 0;
  return compare(
    { name: 'content: 1 kB sealed and opened', unit: 'messages/s', batch: 2_000, rounds: 61, warmUp: 5, target: 0.7 },
    (count) => {
      for (let i = 0; i < count; i++) opener.open(sealer.seal(plaintext), find);
    },
    (count) => {
      for (let i = 0; i < count; i++) {
        // a nonce is not used twice here either
        nonce.writeUInt32BE(counter++, NONCE_BYTES - 4);
        bareOpen(key, nonce, aad, bareSeal(key, nonce, aad, plaintext));
      }
    },
  );
}
