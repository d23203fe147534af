import type { CpnsError } from '@cpns/core';
import { retried } from '@cpns/testing';

/** What a busy machine makes of a call, and what the loser of a race between two changes is told: try again. */
const isPassing = ({ reason }: CpnsError) => ['DEPENDENCY_UNAVAILABLE', 'CONFLICT'].includes(reason);
/** Longer than a device remembers that it was not answered. */
const PAUSE_MS = 3_200;

/** How often something had to be tried again. */
export const retries = { count: 0 };

/**
 * Tries again where trying again is what the refusal asks for.
 * @returns with `again` where an answer before it was lost, so that the act may have been done earlier
 */
export async function untilAnswered<T>(act: () => Promise<T>) {
  const { value, refused } = await retried(act, { isPassing, everyMs: PAUSE_MS });
  retries.count += refused;
  return { value, again: refused > 0 };
}

export const patiently = async <T>(act: () => Promise<T>): Promise<T> => (await untilAnswered(act)).value;
