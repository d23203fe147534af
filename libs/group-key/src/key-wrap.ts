/** AES-256 key wrap (RFC 3394) of one 32-byte key. */
import { GroupKey, SECRET_BYTES, type WrapKey } from '@cpns/core';
import { createCipheriv, createDecipheriv } from 'node:crypto';

/** Size of a wrap, in bytes: the key and the 8 bytes of its integrity check. */
export const WRAP_BYTES = SECRET_BYTES + 8;

const ALGORITHM = 'id-aes256-wrap';
// RFC 3394, 2.2.3.1
const INITIAL_VALUE = Buffer.alloc(8, 0xa6);

/** Writes the wrap, 40 bytes, into `into` from `at` on. */
export function wrapGroupKey(wrapKey: WrapKey, groupKey: GroupKey, into: Buffer, at: number): void {
  const cipher = createCipheriv(ALGORITHM, wrapKey.expose(), INITIAL_VALUE);
  into.set(cipher.update(groupKey.expose()), at);
  cipher.final();
}

/**
 * @param wrap 40 bytes
 * @throws Error of OpenSSL when the integrity check fails: another wrap key, or an altered wrap
 */
export function unwrapGroupKey(wrapKey: WrapKey, wrap: Uint8Array): GroupKey {
  const decipher = createDecipheriv(ALGORITHM, wrapKey.expose(), INITIAL_VALUE);
  const bytes = decipher.update(wrap);
  decipher.final();
  const groupKey = new GroupKey(bytes);
  bytes.fill(0);
  return groupKey;
}
