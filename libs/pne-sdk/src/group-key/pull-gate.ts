import { CpnsError, type Clock } from '@cpns/core';
import { LRUCache } from 'lru-cache';

/** How long a refusal stands for the next pulls of the same key, milliseconds. */
export const REFUSAL_MS = 3_000;
/** How long an answer does, milliseconds: half of the shortest time for which a Group Key is sealed with. */
export const ANSWER_MS = 500;
/** Outcomes that are remembered. */
export const OUTCOMES_MAX = 256;
/** Pulls that begin within {@link REFUSAL_MS}. */
export const PULLS_MAX = 128;

interface Outcome {
  /** Unix milliseconds. */
  readonly until: number;
  readonly refusal?: CpnsError;
}

/**
 * Pulls that a device makes of its own accord, while it seals or opens. What makes it pull may be a stranger's message: the
 * same is asked for once at a time, not again for some seconds after an answer, and never too much in all.
 */
export class PullGate {
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #outcomes = new LRUCache<string, Outcome>({ max: OUTCOMES_MAX });
  #period = { until: -Infinity, pulls: 0 };

  constructor(private readonly clock: Clock) {}

  /**
   * @param key what is pulled
   * @throws CpnsError what the pull threw, also a while ago; LIMIT_REACHED
   */
  pass(key: string, pull: () => Promise<unknown>): Promise<void> {
    const underWay = this.#underWay.get(key);
    if (underWay !== undefined) return underWay;
    const known = this.#outcomes.get(key);
    if (known !== undefined && this.clock.now() < known.until)
      return known.refusal === undefined ? Promise.resolve() : Promise.reject(known.refusal);
    const over = this.#overLimit();
    if (over !== undefined) return Promise.reject(over);
    const pulling = this.#pull(key, pull).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, pulling);
    return pulling;
  }

  /** The next pulls of these keys are made: something happened since. */
  reset(...keys: readonly string[]): void {
    for (const key of keys) this.#outcomes.delete(key);
  }

  /** The next pulls of all keys are made. */
  resetAll(): void {
    this.#outcomes.clear();
  }

  /** How many outcomes are remembered. */
  get remembered(): number {
    return this.#outcomes.size;
  }

  async #pull(key: string, pull: () => Promise<unknown>): Promise<void> {
    try {
      await pull();
      this.#outcomes.set(key, { until: this.clock.now() + ANSWER_MS });
    } catch (error) {
      if (error instanceof CpnsError) this.#outcomes.set(key, { refusal: error, until: this.clock.now() + REFUSAL_MS });
      throw error;
    }
  }

  #overLimit(): CpnsError | undefined {
    const now = this.clock.now();
    if (now >= this.#period.until) this.#period = { until: now + REFUSAL_MS, pulls: 0 };
    this.#period.pulls += 1;
    if (this.#period.pulls <= PULLS_MAX) return undefined;
    return new CpnsError('LIMIT_REACHED', 'this device asks for too many Group Keys at once: try again', {
      metadata: { limit: String(PULLS_MAX), period_ms: String(REFUSAL_MS) },
    });
  }
}
