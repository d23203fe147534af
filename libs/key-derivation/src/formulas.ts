/**
 * What the formulas of the protocol are made of: HKDF, HMAC and SHA-256 (RFC 5869, RFC 2104), the labelled and
 * length-tagged bytes that go into them, and sign(x): over the bytes x with SHA-256, in the way that the key's kind has.
 *
 * | key | signature |
 * |---|---|
 * | P-256 | ECDSA, DER (RFC 3279, 2.2.3) |
 * | RSA-2048, RSA-3072 | RSASSA-PSS, MGF1 with SHA-256, salt of 32 bytes (RFC 8017, 8.1) |
 * | Ed25519 | PureEdDSA (RFC 8032, 5.1): it hashes by itself |
 */
import {
  constants,
  createHash,
  createHmac,
  createPublicKey,
  hash,
  sign,
  timingSafeEqual,
  verify,
  type KeyObject,
  type SignKeyObjectInput,
} from 'node:crypto';
import { invalidArgument, LP_MAX_BYTES, unauthenticated } from '@cpns/core';

declare const isInfo: unique symbol;
/**
 * An HKDF info as text with one character per byte. HMAC takes text without a Buffer in between, and that is what
 * keeps a derivation close to its bare HMACs. Names and numbers only: text stays in memory until it is collected, so
 * a secret never goes into one (those messages are built by `Message`).
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
  const [first, ...more] = parts;
  // the way for one piece takes little more than half the time
  if (first !== undefined && more.length === 0) return hash('sha256', first, 'buffer');
  const digest = createHash('sha256');
  for (const part of parts) digest.update(part);
  return digest.digest();
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

// Holds the messages of ordinary names; longer ones make it grow.
const FIRST_CAPACITY = 256;

/** Writes text that is ASCII, as every name is; for so short a text a call out of the engine costs more. */
function writeAscii(into: Buffer, at: number, text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code > 0x7f) return false;
    into[at + index] = code;
  }
  return true;
}

/**
 * Builds a formula's bytes in one buffer. It writes what `join(label, lp(x), u64(n))` of @cpns/core writes (a property
 * test holds the two together), without a buffer per field: those cost more than one of the two HMACs of an HKDF.
 */
export class Message {
  #bytes = Buffer.allocUnsafe(FIRST_CAPACITY);
  #length = 0;

  /**
   * @param label ASCII of at most 256 characters, written without a terminator; empty for a message that has none
   * @throws RangeError when it is longer, or not ASCII
   */
  constructor(label: string) {
    if (label.length > FIRST_CAPACITY || !writeAscii(this.#bytes, 0, label))
      throw new RangeError('a label is short, and ASCII');
    this.#length = label.length;
  }

  private reserve(size: number): number {
    const at = this.#length;
    if (at + size > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(2 * (at + size));
      this.#bytes.copy(larger, 0, 0, at);
      this.#bytes = larger;
    }
    return at;
  }

  /** LP(x) of text, as UTF-8. @throws RangeError above 65,535 bytes */
  text(value: string): this {
    // a UTF-16 code unit becomes at most 3 bytes of UTF-8
    const at = this.reserve(2 + 3 * value.length);
    const ascii = writeAscii(this.#bytes, at + 2, value);
    return this.prefix(at, ascii ? value.length : this.#bytes.write(value, at + 2, 'utf8'));
  }

  /** LP(x) of bytes. @throws RangeError above 65,535 bytes */
  lp(value: Uint8Array): this {
    const at = this.reserve(2 + value.length);
    this.#bytes.set(value, at + 2);
    return this.prefix(at, value.length);
  }

  private prefix(at: number, size: number): this {
    if (size > LP_MAX_BYTES) throw new RangeError(`LP carries at most ${LP_MAX_BYTES} bytes, not ${size}`);
    this.#bytes[at] = size >>> 8;
    this.#bytes[at + 1] = size & 0xff;
    this.#length = at + 2 + size;
    return this;
  }

  /** u64(n). @throws RangeError for what 8 bytes do not carry, or for a number that is not exact */
  u64(value: bigint | number): this {
    const at = this.reserve(8);
    const fits =
      typeof value === 'bigint' ? value >= 0n && value <= U64_MAX : Number.isSafeInteger(value) && value >= 0;
    if (!fits) throw new RangeError('u64 takes a whole number from 0 to 2^64 - 1, exact');
    if (typeof value === 'bigint') this.#bytes.writeBigUInt64BE(value, at);
    else {
      this.#bytes.writeUInt32BE(Math.floor(value / TWO_POW_32), at);
      this.#bytes.writeUInt32BE(value % TWO_POW_32, at + 4);
    }
    this.#length = at + 8;
    return this;
  }

  byte(value: number): this {
    const at = this.reserve(1);
    this.#bytes.writeUInt8(value, at);
    this.#length = at + 1;
    return this;
  }

  /** Bytes of a fixed size, without a prefix. */
  raw(value: Uint8Array): this {
    const at = this.reserve(value.length);
    this.#bytes.set(value, at);
    this.#length = at + value.length;
    return this;
  }

  /** What was written so far. */
  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }
}

const RSA_BITS: readonly number[] = [2048, 3072];
const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } as const;

interface Scheme {
  readonly digest: 'sha256' | null;
  readonly options: Omit<SignKeyObjectInput, 'key'>;
}

/** @throws CpnsError CSR_WEAK_KEY for a key of any other kind */
function schemeOf(key: KeyObject): Scheme {
  const details = key.asymmetricKeyDetails;
  switch (key.asymmetricKeyType) {
    case 'ec':
      if (details?.namedCurve === 'prime256v1') return { digest: 'sha256', options: { dsaEncoding: 'der' } };
      break;
    case 'rsa':
      if (RSA_BITS.includes(details?.modulusLength ?? 0)) return { digest: 'sha256', options: PSS };
      break;
    case 'ed25519':
      return { digest: null, options: {} };
    default:
      break;
  }
  throw invalidArgument('CSR_WEAK_KEY', 'the key is none of P-256, RSA-2048, RSA-3072 and Ed25519');
}

/** Signs x. @throws CpnsError CSR_WEAK_KEY for a key of another kind */
export function signBytes(key: KeyObject, x: Uint8Array): Buffer {
  const { digest, options } = schemeOf(key);
  return sign(digest, x, { key, ...options });
}

function publicKeyOf(spki: Uint8Array): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch (cause) {
    throw invalidArgument('MALFORMED_MESSAGE', 'the key is not a SubjectPublicKeyInfo', { cause });
  }
}

/**
 * True when `signature` is the key's over x.
 * @param key a public key, or its SubjectPublicKeyInfo in DER
 * @throws CpnsError CSR_WEAK_KEY for a key of another kind, MALFORMED_MESSAGE for no key at all
 */
export function verifyBytes(key: KeyObject | Uint8Array, x: Uint8Array, signature: Uint8Array): boolean {
  const publicKey = key instanceof Uint8Array ? publicKeyOf(key) : key;
  const { digest, options } = schemeOf(publicKey);
  return verify(digest, x, { key: publicKey, ...options }, signature);
}

/** @throws CpnsError SIGNATURE_INVALID when it is not; otherwise as {@link verifyBytes} */
export function requireSignature(key: KeyObject | Uint8Array, x: Uint8Array, signature: Uint8Array): void {
  if (!verifyBytes(key, x, signature))
    throw unauthenticated('SIGNATURE_INVALID', 'the signature was not made by the key that it names');
}
