/** What is paged through: sets of an aggregate, and the aggregates of a kind. */
import type { Aggregate, Page, Store } from './port';

const PAGE = 1_000;

async function* pages(read: (cursor: string | undefined) => Promise<Page>): AsyncGenerator<readonly string[]> {
  let cursor: string | undefined;
  do {
    const page = await read(cursor);
    if (page.items.length > 0) yield page.items;
    cursor = page.next;
  } while (cursor !== undefined);
}

/** A set page by page, so that a large one is never in memory as a whole. @param size 1 to 1,000 */
export const pagesOf = (store: Store, aggregate: Aggregate, set: string, size = PAGE) =>
  pages((cursor) => store.members(aggregate, set, cursor, size));

/** The ids of a kind page by page. @param size 1 to 1,000 */
export const idsOf = (store: Store, kind: string, size = PAGE) => pages((cursor) => store.list(kind, cursor, size));

/** All members of a set that is bounded. */
export async function allMembers(store: Store, aggregate: Aggregate, set: string): Promise<string[]> {
  const all: string[] = [];
  for await (const page of pagesOf(store, aggregate, set)) all.push(...page);
  return all;
}

export const isEmptySet = async (store: Store, aggregate: Aggregate, set: string): Promise<boolean> =>
  (await store.members(aggregate, set, undefined, 1)).items.length === 0;

/** Removes all members of a set. Idempotent, and goes on where it was interrupted. */
export async function emptySet(store: Store, aggregate: Aggregate, set: string): Promise<void> {
  for await (const page of pagesOf(store, aggregate, set))
    await store.commit(aggregate, { removeFrom: page.map((member) => ({ set, member })) });
}
