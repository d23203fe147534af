import type { Aggregate, Store } from '@cpns/store';

const PAGE = 1_000;
/** As many aggregates as are worked on at once. */
const AT_ONCE = 64;

/** All members of a set. */
export async function allMembers(store: Store, aggregate: Aggregate, set: string): Promise<string[]> {
  const members: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.members(aggregate, set, cursor, PAGE);
    members.push(...page.items);
    cursor = page.next;
  } while (cursor !== undefined);
  return members;
}

/** Lists of at most `size` items. */
export function inChunks<T>(items: readonly T[], size: number): (readonly T[])[] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, index) => items.slice(index * size, (index + 1) * size));
}

/** Does the same for each, some at a time. */
export async function forEach<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  for (const chunk of inChunks(items, AT_ONCE)) await Promise.all(chunk.map(work));
}
