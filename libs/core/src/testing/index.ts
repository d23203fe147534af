import { createHash } from 'node:crypto';
import type { Clock, Random } from '..';

/** A clock that stands still until it is moved. */
export class FakeClock implements Clock {
  #now: number;

  /** @param now Unix milliseconds */
  constructor(now = Date.UTC(2026, 0, 1)) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  advance(milliseconds: number): void {
    this.#now += milliseconds;
  }
}

/** Bytes that look random and are the same in every run: SHA-256 of a seed and a counter. For vectors and tests only. */
export class SeededRandom implements Random {
  #counter = 0;

  constructor(private readonly seed: string) {}

  bytes(size: number): Buffer {
    const blocks: Buffer[] = [];
    for (let have = 0; have < size; have += 32) {
      blocks.push(createHash('sha256').update(`${this.seed}/${this.#counter++}`).digest());
    }
    return Buffer.concat(blocks).subarray(0, size);
  }
}

export * from './hooks';
export * from './outcomes';
export * from './vectors';
