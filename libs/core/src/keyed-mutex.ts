/**
 * One holder at a time for each key, within this process, in the order in which they asked. The next one goes on also when
 * the work of the one before failed.
 */
export class KeyedMutex {
  readonly #last = new Map<string, Promise<void>>();

  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const { acquired, release } = this.acquire(key);
    try {
      await acquired;
      return await work();
    } finally {
      release();
    }
  }

  /**
   * `acquired` resolves when all that asked before have released. A caller that does not wait for it may release sooner:
   * the next one then follows those before.
   */
  acquire(key: string): { readonly acquired: Promise<void>; readonly release: () => void } {
    const acquired = this.#last.get(key) ?? Promise.resolve();
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    const last = acquired.then(() => released);
    this.#last.set(key, last);
    void last.then(() => {
      if (this.#last.get(key) === last) this.#last.delete(key);
    });
    return { acquired, release };
  }
}
