import { createDecipheriv } from 'node:crypto';
import { EMPTY_SALT, hkdf, lp, u64 } from './bytes';

/** A group and a version of its key. */
export interface Version {
  readonly groupId: string;
  readonly version: bigint;
}

/** The key that wraps a Group Key for one member, 32 bytes. */
export const wrapKey = (secret: Buffer, { groupId, version }: Version, entity: string): Buffer =>
  hkdf(secret, EMPTY_SALT, 'cpns/v1/group-key-wrap', lp(groupId), u64(version), lp(entity));

/** GKC, 32 bytes. */
export const commitment = (groupKey: Buffer, { groupId, version }: Version): Buffer =>
  hkdf(groupKey, EMPTY_SALT, 'cpns/v1/gk-commit', lp(groupId), u64(version));

/** RFC 3394, 2.2.3.1 */
const INITIAL_VALUE = Buffer.alloc(8, 0xa6);

/**
 * RFC 3394, 2.2.2.
 * @param wrap 40 bytes
 * @returns the 32 bytes inside, or nothing when the integrity check fails
 */
export function unwrap(key: Buffer, wrap: Buffer): Buffer | undefined {
  const decipher = createDecipheriv('id-aes256-wrap', key, INITIAL_VALUE);
  try {
    return Buffer.concat([decipher.update(wrap), decipher.final()]);
  } catch {
    return undefined;
  }
}

/** `0x01 LP(E) key-id wrap`, taken apart; key-id is 16 bytes, wrap 40. */
export function readEnvelope(own: Buffer) {
  if (own[0] !== 0x01) throw new Error('not an envelope for one member');
  const end = 3 + own.readUInt16BE(1);
  return { entity: own.toString('utf8', 3, end), wrap: own.subarray(end + 16, end + 56) };
}
