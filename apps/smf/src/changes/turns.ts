/**
 * Calls of this process that want to change the same thing come one after the other: were all of them to try whenever the
 * way is free, each would lose to most of the others first.
 */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  /** `turn` resolves when those that came before are done; `done` lets the next one have its turn, also if it was never ours. */
  take(what: string): { readonly turn: Promise<void>; readonly done: () => void } {
    const turn = this.#last.get(what) ?? Promise.resolve();
    let finish: (() => void) | undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    const last = turn.then(() => finished);
    this.#last.set(what, last);
    void last.then(() => {
      if (this.#last.get(what) === last) this.#last.delete(what);
    });
    return { turn, done: () => finish?.() };
  }
}
