/** What Redis has under a key. */
type Stored = Buffer | null;

interface Batch {
  readonly keys: string[];
  readonly answer: Promise<readonly Stored[]>;
  readonly send: () => void;
}

/** Keys of one command, at most, unless a single read asks for more: no read waits long behind others. */
const KEYS_MAX = 1_000;

/**
 * Reads that begin in the same turn of the event loop go to Redis as one command: with many calls under way, each command
 * of its own costs a system call on both sides, more than all else that a read does. A batch succeeds or fails as one.
 */
export class ReadBatches {
  readonly #waiting = new Map<string, Batch>();

  /** @param mget all of the keys at one moment */
  constructor(private readonly mget: (keys: readonly string[]) => Promise<readonly Stored[]>) {}

  /**
   * @param slot what these keys have in common with others that one command may ask for
   * @throws what `mget` throws
   */
  async read(slot: string, keys: readonly string[]): Promise<readonly Stored[]> {
    const open = this.#waiting.get(slot);
    const fits = open !== undefined && open.keys.length + keys.length <= KEYS_MAX;
    if (open !== undefined && !fits) open.send();
    const batch = fits ? open : this.#begin(slot);
    const from = batch.keys.length;
    batch.keys.push(...keys);
    return (await batch.answer).slice(from, from + keys.length);
  }

  #begin(slot: string): Batch {
    const keys: string[] = [];
    let send = (): void => undefined;
    const turn = new Promise<void>((resolve) => (send = resolve));
    const answer = turn.then(() => this.mget(keys));
    const batch: Batch = {
      keys,
      answer,
      send: () => {
        if (this.#waiting.get(slot) === batch) this.#waiting.delete(slot);
        send();
      },
    };
    this.#waiting.set(slot, batch);
    setImmediate(batch.send);
    return batch;
  }
}
