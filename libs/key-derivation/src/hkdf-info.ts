import { LP_MAX_BYTES } from '@cpns/core';

declare const isInfo: unique symbol;
/**
 * An HKDF info as text with one character per byte. HMAC takes text without a Buffer in between, and that is what
 * keeps a derivation close to its bare HMACs. Names and numbers only: text stays in memory until it is collected, so
 * a secret never goes into one (those messages are built by message.ts).
 */
export type HkdfInfo = string & { readonly [isInfo]: true };

const BEYOND_ASCII = /[\u0080-\uffff]/;
const TWO_POW_32 = 0x1_0000_0000;
const U64_MAX = (1n << 64n) - 1n;
const EXACT_MAX = BigInt(Number.MAX_SAFE_INTEGER);

function lp(text: string): string {
  const bytes = BEYOND_ASCII.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text;
  if (bytes.length > LP_MAX_BYTES)
    throw new RangeError(`LP carries at most ${LP_MAX_BYTES} bytes, not ${bytes.length}`);
  return String.fromCharCode(bytes.length >>> 8, bytes.length & 0xff) + bytes;
}

const u32 = (n: number): string => String.fromCharCode(n >>> 24, (n >>> 16) & 0xff, (n >>> 8) & 0xff, n & 0xff);

const u64OfNumber = (n: number): string => u32(Math.floor(n / TWO_POW_32)) + u32(n % TWO_POW_32);

function u64(value: bigint | number): string {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError('u64 takes a whole number from 0, exact');
    return u64OfNumber(value);
  }
  if (value < 0n || value > U64_MAX) throw new RangeError('u64 carries 0 to 2^64 - 1');
  // the halves of a bigint cost more than those of a number, and nearly every version is exact as one
  if (value <= EXACT_MAX) return u64OfNumber(Number(value));
  return u32(Number(value >> 32n)) + u32(Number(value & 0xffff_ffffn));
}

/**
 * The info of a formula: its label, then LP(x) for each text and u64(n) for each number.
 * @throws RangeError for a text over 65,535 bytes, or a number that is not exact or that 8 bytes do not carry
 */
export function hkdfInfo(label: string, ...fields: readonly (string | bigint | number)[]): HkdfInfo {
  let info = label;
  for (const field of fields) info += typeof field === 'string' ? lp(field) : u64(field);
  return info as HkdfInfo;
}
