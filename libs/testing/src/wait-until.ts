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
