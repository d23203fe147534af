import { duration } from '@cpns/core';

/** What is left of the caller's deadline for the way back, milliseconds. */
const RETURN_MS = 300;
/** How long what follows from an end is waited for, also where the caller has more time. */
const PATIENCE = duration(20, 'second');

/** Until when it is waited for, Unix milliseconds of the process. @param deadline of the call */
export function answerBy(deadline: number): number {
  const now = Date.now();
  return Math.max(now, Math.min(deadline - RETURN_MS, now + PATIENCE));
}
