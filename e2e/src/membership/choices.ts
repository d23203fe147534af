import { SeededRandom } from '@cpns/core/testing';

/** Choices that can be made again: the same seed, the same campaign. */
export class Choices extends SeededRandom {
  /** `from` up to and including `to`. */
  between(from: number, to: number): number {
    return from + (this.bytes(6).readUIntBE(0, 6) % (to - from + 1));
  }

  pick<T>(all: readonly T[]): T {
    return all[this.between(0, all.length - 1)]!;
  }

  /** Up to `count` different ones. */
  some<T>(all: readonly T[], count: number): T[] {
    const left = [...all];
    const length = Math.min(count, all.length);
    return Array.from({ length }, () => left.splice(this.between(0, left.length - 1), 1)[0]!);
  }
}
