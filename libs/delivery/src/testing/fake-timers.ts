import { SILENCE_MAX } from '../receive';
import { STATE_EVERY } from '../sender';
import type { Timers } from '../timers';

/** Timers that stand still until they are moved. */
export class FakeTimers implements Timers {
  readonly #pending = new Set<{ at: number; callback: () => void }>();
  #now = 0;

  after(milliseconds: number, callback: () => void): () => void {
    const timer = { at: this.#now + milliseconds, callback };
    this.#pending.add(timer);
    return () => this.#pending.delete(timer);
  }

  /** Milliseconds until each timer that is set, the next one first. */
  get pending(): number[] {
    return [...this.#pending].map(({ at }) => at - this.#now).sort((a, b) => a - b);
  }

  advance(milliseconds: number): void {
    this.#now += milliseconds;
    for (const timer of [...this.#pending].sort((a, b) => a.at - b.at)) {
      if (timer.at > this.#now || !this.#pending.delete(timer)) continue;
      timer.callback();
    }
  }
}

/** Timers for which no time passes: every wait ends with the next turn of the event loop, but for those on states. */
export const immediateTimers: Timers = {
  after: (milliseconds, callback) => {
    if (milliseconds === STATE_EVERY || milliseconds === SILENCE_MAX) return () => undefined;
    const immediate = setImmediate(callback);
    return () => clearImmediate(immediate);
  },
};
