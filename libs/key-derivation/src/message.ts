import { LP_MAX_BYTES } from '@cpns/core';

// Holds the messages of ordinary names; longer ones make it grow.
const FIRST_CAPACITY = 256;
const TWO_POW_32 = 0x1_0000_0000;
const U64_MAX = (1n << 64n) - 1n;

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
