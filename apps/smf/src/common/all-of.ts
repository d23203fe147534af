import type { Aggregate, Store } from '@cpns/store';

const PAGE = 1_000;

/** A set page by page, so that a large one is never in memory as a whole. */
export async function* pagesOf(store: Store, aggregate: Aggregate, set: string): AsyncGenerator<readonly string[]> {
  let cursor: string | undefined;
  do {
    const page = await store.members(aggregate, set, cursor, PAGE);
    if (page.items.length > 0) yield page.items;
    cursor = page.next;
  } while (cursor !== undefined);
}

/** All members of a set that is bounded. */
export async function allOf(store: Store, aggregate: Aggregate, set: string): Promise<string[]> {
  const all: string[] = [];
  for await (const page of pagesOf(store, aggregate, set)) all.push(...page);
  return all;
}

export async function isEmpty(store: Store, aggregate: Aggregate, set: string): Promise<boolean> {
  return (await store.members(aggregate, set, undefined, 1)).items.length === 0;
}

/** Removes all members of a set. Idempotent, and goes on where it was interrupted. */
export async function emptySet(store: Store, aggregate: Aggregate, set: string): Promise<void> {
  for await (const page of pagesOf(store, aggregate, set))
    await store.commit(aggregate, { removeFrom: page.map((member) => ({ set, member })) });
}
