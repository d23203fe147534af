/**
 * The two encodings every formula of the protocol is built from (protocol.md, "Notation").
 */
import { invalidArgument } from './errors';

/** Largest value that LP can carry, in bytes: its length prefix is 2 bytes. */
export const LP_MAX_BYTES = 0xffff;

const U64_MAX = (1n << 64n) - 1n;

/**
 * LP(x): the length of x in bytes as 2 big-endian bytes, then x. Text is UTF-8.
 * @throws RangeError when x is longer than 65,535 bytes: a programming error, since callers bound their fields first.
 */
export function lp(value: string | Uint8Array): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
  if (bytes.length > LP_MAX_BYTES)
    throw new RangeError(`LP carries at most ${LP_MAX_BYTES} bytes, not ${bytes.length}`);
  const out = Buffer.allocUnsafe(2 + bytes.length);
  out.writeUInt16BE(bytes.length, 0);
  out.set(bytes, 2);
  return out;
}

/**
 * u64(n): 8 big-endian bytes.
 * @throws RangeError when n is negative, fractional or above 2^64 - 1.
 */
export function u64(value: bigint | number): Buffer {
  const n = BigInt(value);
  if (n < 0n || n > U64_MAX) throw new RangeError('u64 carries 0 to 2^64 - 1');
  const out = Buffer.allocUnsafe(8);
  out.writeBigUInt64BE(n, 0);
  return out;
}

/** Juxtaposition: labels are ASCII text without a terminator, everything else is bytes. */
export function join(...parts: readonly (string | Uint8Array)[]): Buffer {
  return Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'utf8') : part)));
}

/**
 * Reads what {@link lp} and {@link u64} wrote. Every method throws `MALFORMED_MESSAGE` when the bytes run out, and
 * {@link Reader.end} does when some are left: nothing is accepted that was not written in exactly one way.
 */
export class Reader {
  readonly #bytes: Buffer;
  readonly #what: string;
  #offset = 0;

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#what = what;
  }

  /** The next `length` bytes, as a copy. */
  take(length: number): Buffer {
    if (this.#offset + length > this.#bytes.length)
      throw invalidArgument('MALFORMED_MESSAGE', `${this.#what} ends early`);
    const out = Buffer.from(this.#bytes.subarray(this.#offset, this.#offset + length));
    this.#offset += length;
    return out;
  }

  byte(): number {
    return this.take(1).readUInt8(0);
  }

  u64(): bigint {
    return this.take(8).readBigUInt64BE(0);
  }

  lp(): Buffer {
    return this.take(this.take(2).readUInt16BE(0));
  }

  /** LP of text; refuses bytes that are not well-formed UTF-8, which would read the same as other bytes. */
  lpText(): string {
    const bytes = this.lp();
    const text = bytes.toString('utf8');
    if (!Buffer.from(text, 'utf8').equals(bytes))
      throw invalidArgument('MALFORMED_MESSAGE', `${this.#what} holds text that is not UTF-8`);
    return text;
  }

  remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  end(): void {
    if (this.remaining() !== 0)
      throw invalidArgument('MALFORMED_MESSAGE', `${this.#what} has ${this.remaining()} bytes too many`);
  }
}
