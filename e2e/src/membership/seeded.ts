/** Choices that can be made again: the same seed, the same campaign. */
export class Seeded {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Another one, for a part that goes on beside the others: what one draws changes nothing for the rest. */
  branch(): Seeded {
    return new Seeded(this.below(2 ** 32));
  }

  /** 0 up to, not including, `limit`. */
  below(limit: number): number {
    return Math.floor(this.#next() * limit);
  }

  /** `from` up to and including `to`. */
  between(from: number, to: number): number {
    return from + this.below(to - from + 1);
  }

  pick<T>(all: readonly T[]): T {
    const found = all[this.below(all.length)];
    if (found === undefined) throw new RangeError('there is nothing to pick from');
    return found;
  }

  /** Up to `count` different ones. */
  some<T>(all: readonly T[], count: number): T[] {
    const left = [...all];
    const chosen: T[] = [];
    while (chosen.length < count && left.length > 0) chosen.push(...left.splice(this.below(left.length), 1));
    return chosen;
  }

  /** mulberry32: 32 bits of state, evenly spread; nothing secret comes of it. */
  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}
