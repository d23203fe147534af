import { pnAggregate } from '@cpns/platform';
import { pagesOf, type Aggregate, type Store } from '@cpns/store';

/** That something is found under a key, such as a pn-id. */
export interface IndexEntry {
  readonly key: string;
  readonly member: string;
}

/**
 * What is found under a key, in a set: where to look, and no more. What is in it is looked at before it is used; what is not
 * is overlooked. So all that there is is put there once in each process, before a set is read first: also what an older
 * release made, or a store that lost writes has lost.
 */
export abstract class LookupIndex {
  #filled: Promise<void> | undefined;

  constructor(
    protected readonly store: Store,
    private readonly set: string,
  ) {}

  /** Where the set of a key is. */
  protected abstract aggregateOf(key: string): Aggregate;

  /** All that there is, page by page. */
  protected abstract entries(): AsyncIterable<readonly IndexEntry[]>;

  async add(key: string, member: string): Promise<void> {
    if (await this.store.isMember(this.aggregateOf(key), this.set, member)) return;
    await this.store.commit(this.aggregateOf(key), { addTo: [{ set: this.set, member }] });
  }

  async remove(key: string, member: string): Promise<void> {
    await this.store.commit(this.aggregateOf(key), { removeFrom: [{ set: this.set, member }] });
  }

  /** Page by page. */
  async *of(key: string): AsyncGenerator<readonly string[]> {
    await (this.#filled ??= this.fill().catch((error: unknown) => {
      this.#filled = undefined;
      throw error;
    }));
    yield* pagesOf(this.store, this.aggregateOf(key), this.set);
  }

  private async fill(): Promise<void> {
    for await (const page of this.entries())
      for (const key of new Set(page.map((one) => one.key))) {
        const members = page.filter((one) => one.key === key);
        const addTo = members.map(({ member }) => ({ set: this.set, member }));
        await this.store.commit(this.aggregateOf(key), { addTo });
      }
  }
}

/** What belongs to a Personal Network; of what is missing there no gateway of the network is told in a snapshot. */
export abstract class NetworkIndex extends LookupIndex {
  protected override aggregateOf(pnId: string): Aggregate {
    return pnAggregate(pnId);
  }

  /** All that there is, page by page, by the pn-ids that it belongs to. */
  protected abstract all(): AsyncIterable<readonly { readonly pnId: string; readonly member: string }[]>;

  protected override async *entries(): AsyncGenerator<readonly IndexEntry[]> {
    for await (const page of this.all()) yield page.map(({ pnId, member }) => ({ key: pnId, member }));
  }
}
