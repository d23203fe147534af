import { createDecipheriv } from 'node:crypto';
import { EMPTY_SALT, hkdf, lp, u64 } from './bytes';

/** A group and a version of its key. */
export interface Version {
  readonly groupId: string;
  readonly version: bigint;
}

/** The key that wraps a Group Key for one member, 32 bytes. */
export const wrapKey = (secret: Buffer, { groupId, version }: Version, entity: string): Buffer =>
  hkdf(secret, EMPTY_SALT, ['cpns/v1/group-key-wrap', lp(groupId), u64(version), lp(entity)]);

/** GKC, 32 bytes. */
export const commitment = (groupKey: Buffer, { groupId, version }: Version): Buffer =>
  hkdf(groupKey, EMPTY_SALT, ['cpns/v1/gk-commit', lp(groupId), u64(version)]);

const BLOCK = 8;
const ROUNDS = 6;
const INTEGRITY = Buffer.alloc(BLOCK, 0xa6);

/**
 * RFC 3394, 2.2.2, step by step.
 * @param wrap 40 bytes
 * @returns the 32 bytes inside, or nothing when the integrity check fails
 */
export function unwrap(key: Buffer, wrap: Buffer): Buffer | undefined {
  const decipher = createDecipheriv('aes-256-ecb', key, null).setAutoPadding(false);
  const blocks = wrap.length / BLOCK - 1;
  const block = Buffer.alloc(2 * BLOCK);
  const unwrapped = Buffer.from(wrap.subarray(BLOCK));
  wrap.copy(block, 0, 0, BLOCK);
  for (let round = ROUNDS - 1; round >= 0; round--)
    for (let index = blocks - 1; index >= 0; index--) {
      // t is below 256 for a key of this size: it changes the last byte of A alone
      block[BLOCK - 1] = block[BLOCK - 1]! ^ (blocks * round + index + 1);
      unwrapped.copy(block, BLOCK, index * BLOCK, (index + 1) * BLOCK);
      const plain = decipher.update(block);
      plain.copy(block, 0, 0, BLOCK);
      plain.copy(unwrapped, index * BLOCK, BLOCK);
    }
  return block.subarray(0, BLOCK).equals(INTEGRITY) ? unwrapped : undefined;
}

/** `0x01 LP(E) key-id wrap`, taken apart; key-id is 16 bytes. */
export interface Envelope {
  /** E */
  readonly entity: string;
  /** 40 bytes. */
  readonly wrap: Buffer;
}

export function readEnvelope(own: Buffer): Envelope {
  if (own[0] !== 0x01) throw new Error('not an envelope for one member');
  const end = 3 + own.readUInt16BE(1);
  return {
    entity: own.toString('utf8', 3, end),
    wrap: own.subarray(end + 16, end + 56),
  };
}
