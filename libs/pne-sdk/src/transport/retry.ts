import { backoffAfter, CpnsError, type Backoff, type Clock } from '@cpns/core';
import { setTimeout as sleep } from 'node:timers/promises';

const PAUSES: Backoff = { first: 100, longest: 2_000 };

export interface Patience {
  /** How long to go on while a dependency does not answer, milliseconds; 0 for one attempt. */
  readonly waitMs: number;
  readonly clock: Clock;
  /** Pause between attempts; a test moves its clock instead. */
  readonly pause?: (milliseconds: number) => Promise<unknown>;
  /** Told before each pause. */
  readonly onRetry?: (error: CpnsError, pauseMs: number) => void;
}

/**
 * Repeats a call that the other side may not have got, while it says UNAVAILABLE: every other answer is one. The last
 * attempt is not before the end of the wait.
 * @throws what the last attempt threw
 */
export async function withPatience<T>(patience: Patience, attempt: () => Promise<T>): Promise<T> {
  const { waitMs, clock, pause = sleep, onRetry } = patience;
  const until = clock.now() + waitMs;
  for (let attempts = 1; ; attempts++) {
    try {
      return await attempt();
    } catch (error) {
      const left = until - clock.now();
      if (!(error instanceof CpnsError) || error.code !== 'UNAVAILABLE' || left <= 0) throw error;
      const pauseMs = Math.min(backoffAfter(PAUSES, attempts), left);
      onRetry?.(error, pauseMs);
      await pause(pauseMs);
    }
  }
}
