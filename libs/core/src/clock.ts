/** The one source of time for rules and services; tests pass their own. */
export abstract class Clock {
  /** Unix time in milliseconds. */
  abstract now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

const unit = { second: 1_000, minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;

/** Durations in milliseconds, written so that a reader need not count zeros: `duration(5, 'minute')`. */
export const duration = (count: number, of: keyof typeof unit): number => count * unit[of];
