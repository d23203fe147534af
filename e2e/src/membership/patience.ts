import { CpnsError } from '@cpns/core';
import { setTimeout as sleep } from 'node:timers/promises';

/** What a busy machine makes of a call, and what the loser of a race between two changes is told: try again. */
const PASSING = ['DEPENDENCY_UNAVAILABLE', 'CONFLICT'];
const PATIENCE_MS = 60_000;
/** Longer than a device remembers that it was not answered. */
const PAUSE_MS = 3_200;

/** How often something had to be tried again. */
export const retries = { count: 0 };

export interface Outcome<T> {
  readonly value: T;
  /** Whether an answer before it was lost, so that the act may have been done earlier. */
  readonly again: boolean;
}

/** Tries again where trying again is what the refusal asks for; everything that is done here is idempotent. */
export async function untilAnswered<T>(act: () => Promise<T>): Promise<Outcome<T>> {
  const until = Date.now() + PATIENCE_MS;
  for (let again = false; ; again = true)
    try {
      return { value: await act(), again };
    } catch (error) {
      if (!(error instanceof CpnsError) || !PASSING.includes(error.reason) || Date.now() > until) throw error;
      retries.count++;
      await sleep(PAUSE_MS);
    }
}

export const patiently = async <T>(act: () => Promise<T>): Promise<T> => (await untilAnswered(act)).value;
