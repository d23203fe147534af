/**
 * Which counters of one session were opened (as in RFC 4303, 3.4.3): the highest, and one bit for each of the 1,024 up to
 * it. What is below them is too old to tell, and counts as opened.
 */
export const REPLAY_WINDOW_SIZE = 1_024;

const SIZE = BigInt(REPLAY_WINDOW_SIZE);
/** Size of the bits, in bytes. */
export const REPLAY_WINDOW_BYTES = REPLAY_WINDOW_SIZE / 8;

/** A window in plain data, for a record. */
export interface ReplayWindowState {
  readonly highest: bigint;
  /** 128 bytes: bit n stands for the one counter of the window that is n modulo 1,024. */
  readonly bits: Buffer;
}

const maskOf = (counter: bigint): { readonly byte: number; readonly mask: number } => {
  const bit = Number(counter % SIZE);
  return { byte: bit >>> 3, mask: 1 << (bit & 7) };
};

export class ReplayWindow {
  #highest: bigint;
  readonly #bits: Buffer;

  private constructor(highest: bigint, bits: Buffer) {
    this.#highest = highest;
    this.#bits = bits;
  }

  /** A window in which `counter` is the first that was opened. */
  static startingAt(counter: bigint): ReplayWindow {
    const window = new ReplayWindow(counter, Buffer.alloc(REPLAY_WINDOW_BYTES));
    window.#mark(counter);
    return window;
  }

  /** @throws RangeError for bits of another size */
  static of({ highest, bits }: ReplayWindowState): ReplayWindow {
    if (bits.length !== REPLAY_WINDOW_BYTES) throw new RangeError(`a window has ${REPLAY_WINDOW_BYTES} bytes`);
    return new ReplayWindow(highest, Buffer.from(bits));
  }

  /** True when `counter` was not opened, as far as this window can tell. */
  isFresh(counter: bigint): boolean {
    if (counter > this.#highest) return true;
    if (counter + SIZE <= this.#highest) return false;
    const { byte, mask } = maskOf(counter);
    return ((this.#bits[byte] ?? 0) & mask) === 0;
  }

  /** Marks `counter` as opened. @returns false, and changes nothing, when it was opened or is too old to tell */
  accept(counter: bigint): boolean {
    if (!this.isFresh(counter)) return false;
    this.#moveTo(counter);
    this.#mark(counter);
    return true;
  }

  state(): ReplayWindowState {
    return { highest: this.#highest, bits: Buffer.from(this.#bits) };
  }

  /** The bits between the old highest and the new one stood for counters that now are below the window. */
  #moveTo(counter: bigint): void {
    if (counter <= this.#highest) return;
    if (counter - this.#highest >= SIZE) this.#bits.fill(0);
    else for (let passed = this.#highest + 1n; passed < counter; passed += 1n) this.#clear(passed);
    this.#highest = counter;
  }

  #mark(counter: bigint): void {
    const { byte, mask } = maskOf(counter);
    this.#bits[byte] = (this.#bits[byte] ?? 0) | mask;
  }

  #clear(counter: bigint): void {
    const { byte, mask } = maskOf(counter);
    this.#bits[byte] = (this.#bits[byte] ?? 0) & ~mask;
  }
}
