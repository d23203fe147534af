/** protocol.md, "Notation", once more and with nothing of the project's: what is tried here must not share its mistakes. */
import { hkdfSync } from 'node:crypto';

/** LP(x): two big-endian bytes of length, then x. */
export function lp(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

/** u64(n): eight big-endian bytes. */
export function u64(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(16, '0'), 'hex');
}

/** HKDF of RFC 5869 with SHA-256, 32 bytes; the empty salt is 32 zero bytes. */
export function hkdf(ikm: Buffer, salt: Buffer, info: readonly (string | Buffer)[]): Buffer {
  const joined = Buffer.concat(info.map((part) => (typeof part === 'string' ? Buffer.from(part, 'ascii') : part)));
  return Buffer.from(hkdfSync('sha256', ikm, salt, joined, 32));
}

export const EMPTY_SALT = Buffer.alloc(32);
