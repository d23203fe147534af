import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { invalidArgument } from '@cpns/core';
import type { HkdfInfo } from './hkdf-info';

/** Size of HMAC-SHA-256, SHA-256 and every MAC of the protocol, in bytes. */
export const MAC_BYTES = 32;
export const DIGEST_BYTES = 32;

const EMPTY_SALT = Buffer.alloc(MAC_BYTES);
// the block counter of RFC 5869, 2.3
const FIRST_BLOCK = '\x01';
const FIRST_BLOCK_BYTES = Buffer.from(FIRST_BLOCK);

/** HMAC-SHA-256 (RFC 2104), 32 bytes. */
export function hmac(key: Uint8Array, message: Uint8Array): Buffer {
  return createHmac('sha256', key).update(message).digest();
}

/** SHA-256, 32 bytes. */
export function sha256(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/**
 * HKDF with SHA-256 (RFC 5869) for at most one block of output, which is all that the protocol asks for. Two HMACs
 * take less than half the time of `crypto.hkdfSync`.
 * @param salt `undefined` for the empty salt
 * @param length in bytes, at most 32
 * @throws RangeError for a longer output
 */
export function hkdf(
  ikm: Uint8Array,
  salt: Uint8Array | undefined,
  info: HkdfInfo | Uint8Array,
  length = MAC_BYTES,
): Buffer {
  if (length > MAC_BYTES) throw new RangeError(`HKDF gives at most ${MAC_BYTES} bytes here, not ${length}`);
  const prk = createHmac('sha256', salt ?? EMPTY_SALT)
    .update(ikm)
    .digest();
  const expand = createHmac('sha256', prk);
  if (typeof info === 'string') expand.update(info + FIRST_BLOCK, 'latin1');
  else expand.update(info).update(FIRST_BLOCK_BYTES);
  const block = expand.digest();
  return length === MAC_BYTES ? block : block.subarray(0, length);
}

/**
 * Bytes of a message that have one size only.
 * @throws CpnsError FIELD_MISSING when there are none, FIELD_SIZE when there are more or fewer
 */
export function checkSize(bytes: Uint8Array, size: number, field: string): void {
  if (bytes.length === size) return;
  const reason = bytes.length === 0 ? 'FIELD_MISSING' : 'FIELD_SIZE';
  throw invalidArgument(reason, `${field} has ${bytes.length} bytes, not ${size}`, {
    metadata: { field, size: String(size) },
  });
}

/**
 * Compares MACs in constant time.
 * @throws CpnsError FIELD_MISSING or FIELD_SIZE when `given` is not 32 bytes
 */
export function macMatches(expected: Uint8Array, given: Uint8Array): boolean {
  checkSize(given, MAC_BYTES, 'mac');
  return timingSafeEqual(expected, given);
}
