import { CpnsError } from '@cpns/core';
import { setTimeout as sleep } from 'node:timers/promises';

export interface PollOptions {
  /** Milliseconds; 60 s by default. */
  readonly withinMs?: number;
  /** Milliseconds between two looks; 25 by default. */
  readonly everyMs?: number;
}

/**
 * Looks again until the answer is there: anything but `undefined` and `false`.
 * @param what names it in the error, which is made when it is thrown
 * @throws Error when it is not there in time, and what a look throws
 */
export async function waitUntil<T>(
  what: string | (() => string),
  look: () => T | undefined | false | Promise<T | undefined | false>,
  { withinMs = 60_000, everyMs = 25 }: PollOptions = {},
): Promise<T> {
  const until = Date.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > until)
      throw new Error(`${typeof what === 'string' ? what : what()} did not come within ${withinMs} ms`);
    await sleep(everyMs);
  }
}

export interface RetryOptions extends PollOptions {
  /** Whether the same call may succeed later. */
  readonly isPassing: (error: CpnsError) => boolean;
}

/**
 * Makes a call again while it is refused for a passing reason; everything that is called so is idempotent.
 * @returns what it was answered, and how often it was refused before
 * @throws what it is refused with otherwise, or when the time is over
 */
export async function retried<T>(
  call: () => Promise<T>,
  { isPassing, withinMs = 60_000, everyMs = 25 }: RetryOptions,
): Promise<{ readonly value: T; readonly refused: number }> {
  const until = Date.now() + withinMs;
  for (let refused = 0; ; refused += 1)
    try {
      return { value: await call(), refused };
    } catch (error) {
      if (!(error instanceof CpnsError) || !isPassing(error) || Date.now() > until) throw error;
      await sleep(everyMs);
    }
}
