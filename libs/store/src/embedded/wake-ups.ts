/**
 * Wake-ups of the embedded store: one hub per directory, so that two handles of one store wake each other. All handles
 * are in one process (ownership.ts).
 */
export class WakeUps {
  static readonly #hubs = new Map<string, WakeUps>();

  /** The hub of a directory, made when there is none. */
  static of(directory: string): WakeUps {
    const existing = WakeUps.#hubs.get(directory);
    if (existing) return existing;
    const hub = new WakeUps();
    WakeUps.#hubs.set(directory, hub);
    return hub;
  }

  readonly #listeners = new Map<string, Set<() => void>>();

  /** Until the signal aborts. */
  listen(topic: string, wake: () => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    // one object per call: the same function may be registered twice and has to be removed once
    const listener = () => wake();
    const listeners = this.#listeners.get(topic) ?? new Set();
    this.#listeners.set(topic, listeners.add(listener));
    signal.addEventListener(
      'abort',
      () => {
        listeners.delete(listener);
        if (listeners.size === 0 && this.#listeners.get(topic) === listeners) this.#listeners.delete(topic);
      },
      { once: true },
    );
  }

  wake(topic: string): void {
    for (const listener of this.#listeners.get(topic) ?? []) listener();
  }

  /** Topics with listeners. */
  get size(): number {
    return this.#listeners.size;
  }
}
