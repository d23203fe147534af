/** The one way to wait for time to pass; tests pass their own. */
export interface Timers {
  /** Calls back once after `milliseconds`, unless the returned function was called before. */
  after(milliseconds: number, callback: () => void): () => void;
}

export const systemTimers: Timers = {
  after: (milliseconds, callback) => {
    const timer = setTimeout(callback, milliseconds);
    return () => clearTimeout(timer);
  },
};
