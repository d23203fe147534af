import type { Random } from './random';

/** Waits between attempts, milliseconds: they double from the first to the longest. */
export interface Backoff {
  readonly first: number;
  readonly longest: number;
}

/**
 * The wait after so many failed attempts, milliseconds.
 * @param attempts 1 after the first
 * @param spread draws it from between half of it and all of it, so that many do not come back at once
 */
export function backoffAfter({ first, longest }: Backoff, attempts: number, spread?: Random): number {
  const full = Math.min(longest, first * 2 ** Math.min(attempts - 1, 30));
  if (spread === undefined) return full;
  return Math.round((full / 2) * (1 + spread.bytes(2).readUInt16BE(0) / 0x10000));
}
