import { pnAggregate } from '@cpns/platform';
import { pagesOf, type Store } from '@cpns/store';

/**
 * What belongs to a Personal Network, in a set: where to look, and no more. What is in it is looked at before it is used; what
 * is not, no gateway of the network is told of in a snapshot. So all that there is is put there once in each process, before
 * the set is read first: also what an older release made, or a store that lost writes has lost.
 */
export abstract class NetworkIndex {
  #filled: Promise<void> | undefined;

  constructor(
    protected readonly store: Store,
    private readonly set: string,
  ) {}

  /** All that there is, page by page, by the pn-ids that it belongs to. */
  protected abstract all(): AsyncIterable<readonly { readonly pnId: string; readonly member: string }[]>;

  async add(pnId: string, member: string): Promise<void> {
    if (await this.store.isMember(pnAggregate(pnId), this.set, member)) return;
    await this.store.commit(pnAggregate(pnId), { addTo: [{ set: this.set, member }] });
  }

  async remove(pnId: string, member: string): Promise<void> {
    await this.store.commit(pnAggregate(pnId), { removeFrom: [{ set: this.set, member }] });
  }

  /** Page by page. */
  async *of(pnId: string): AsyncGenerator<readonly string[]> {
    await (this.#filled ??= this.fill().catch((error: unknown) => {
      this.#filled = undefined;
      throw error;
    }));
    yield* pagesOf(this.store, pnAggregate(pnId), this.set);
  }

  private async fill(): Promise<void> {
    for await (const page of this.all())
      for (const pnId of new Set(page.map((one) => one.pnId))) {
        const members = page.filter((one) => one.pnId === pnId);
        await this.store.commit(pnAggregate(pnId), { addTo: members.map(({ member }) => ({ set: this.set, member })) });
      }
  }
}
