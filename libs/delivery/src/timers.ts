/** The one way to wait for time to pass; tests pass their own. */
export abstract class Timers {
  /** Calls back once after `milliseconds`, unless the returned function was called before. */
  abstract after(milliseconds: number, callback: () => void): () => void;
}

/** Resolves after so many milliseconds, or as soon as the signal is aborted. */
export const pause = (timers: Timers, milliseconds: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = timers.after(milliseconds, done);
    signal.addEventListener('abort', done, { once: true });
  });

export const systemTimers: Timers = {
  after: (milliseconds, callback) => {
    const timer = setTimeout(callback, milliseconds);
    return () => clearTimeout(timer);
  },
};
