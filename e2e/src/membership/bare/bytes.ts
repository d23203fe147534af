/** protocol.md, "Notation", once more and without the project's own code: what is tried here must not share its mistakes. */
import { hkdfSync } from 'node:crypto';

/** LP(x): two big-endian bytes of length, then x. */
export function lp(x: string | Buffer): Buffer {
  const bytes = typeof x === 'string' ? Buffer.from(x, 'utf8') : x;
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

/** u64(n): eight big-endian bytes. */
export function u64(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(16, '0'), 'hex');
}

/** HKDF of RFC 5869 with SHA-256, 32 bytes; the empty salt is 32 zero bytes. */
export function hkdf(ikm: Buffer, salt: Buffer, label: string, ...info: readonly Buffer[]): Buffer {
  return Buffer.from(hkdfSync('sha256', ikm, salt, Buffer.concat([Buffer.from(label, 'ascii'), ...info]), 32));
}

export const EMPTY_SALT = Buffer.alloc(32);
