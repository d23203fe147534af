/** Items of one batch, at most. */
const BATCH_MAX = 500;

interface Waiting<T, R> {
  readonly item: T;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Group commit: items of one key that come while a batch of that key is under way make up the next batch, so that callers
 * within this process never race for the same record.
 */
export class KeyedBatches<T, R> {
  readonly #waiting = new Map<string, Waiting<T, R>[]>();

  /** @param work resolves with one result for each item, in order; an Error among them rejects that item alone */
  constructor(private readonly work: (key: string, items: readonly T[]) => Promise<readonly (R | Error)[]>) {}

  /** @throws what `work` throws, or has for this item */
  add(key: string, item: T): Promise<R> {
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(key);
      if (waiting !== undefined) {
        waiting.push({ item, resolve, reject });
        return;
      }
      const first = [{ item, resolve, reject }];
      this.#waiting.set(key, first);
      void this.#workOff(key, first);
    });
  }

  async #workOff(key: string, waiting: Waiting<T, R>[]): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.splice(0, BATCH_MAX);
      try {
        const results = await this.work(
          key,
          batch.map(({ item }) => item),
        );
        batch.forEach(({ resolve, reject }, index) => {
          const result = results[index];
          if (result instanceof Error) reject(result);
          else resolve(result as R);
        });
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#waiting.delete(key);
  }
}
