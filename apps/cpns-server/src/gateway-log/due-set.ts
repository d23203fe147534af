import { duration, inChunks, type Clock } from '@cpns/core';
import { pagesOf, type Aggregate, type Store } from '@cpns/store';

/** The set of `<Unix ms> <what>`. */
const SET = 'due';
const PAGE = 500;
/** Items of one commit. */
const CHUNK = 1_000;
/** For so long the call that wrote an item down may still be at work on it. */
const YOUNG_MS = duration(5, 'second');
/** No call takes longer than that before it commits what it wrote the item down for. */
const FORGET_AFTER_MS = duration(1, 'hour');

/**
 * What is left to do, as one set for all: a sweep would otherwise have to look at each entity and each gateway. An item is
 * written down before the records change, and says where to look; what is stored there says what there is to do.
 */
export class DueSet {
  readonly #aggregate: Aggregate;

  /** @param id one for each kind of work */
  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
    id: string,
  ) {
    this.#aggregate = { kind: 'due', id };
  }

  /**
   * @param time from when on it is due, Unix milliseconds; at once without it
   * @returns the items, as they are stored
   */
  async add(what: readonly string[], time = this.clock.now()): Promise<readonly string[]> {
    const items = what.map((one) => `${time} ${one}`);
    for (const some of inChunks(items, CHUNK))
      await this.store.commit(this.#aggregate, { addTo: some.map((member) => ({ set: SET, member })) });
    return items;
  }

  async remove(items: readonly string[]): Promise<void> {
    for (const some of inChunks(items, CHUNK))
      await this.store.commit(this.#aggregate, { removeFrom: some.map((member) => ({ set: SET, member })) });
  }

  /**
   * What other calls and earlier processes left behind, page by page.
   * @param olderThan milliseconds since it is due
   */
  async *left(signal?: AbortSignal, olderThan = YOUNG_MS): AsyncGenerator<readonly string[]> {
    for await (const items of pagesOf(this.store, this.#aggregate, SET, PAGE)) {
      if (signal?.aborted) return;
      yield items.filter((item) => this.ageOf(item) > olderThan);
    }
  }

  /** True for an item whose change was never made, and will not be. */
  isForgotten(item: string): boolean {
    return this.ageOf(item) > FORGET_AFTER_MS;
  }

  /** Milliseconds since it is due. */
  private ageOf(item: string): number {
    return this.clock.now() - Number(item.split(' ', 1)[0]);
  }
}
