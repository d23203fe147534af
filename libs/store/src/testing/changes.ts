import type { Store } from '../port';
import { dump, type StoreDump } from './dump';

/** One line per record, set and log; without what had ended by itself at `now`, Unix milliseconds. */
function linesOf(dump: StoreDump, now: number): ReadonlyMap<string, string> {
  const lines = new Map<string, string>();
  for (const [aggregate, { records, sets, logs }] of Object.entries(dump)) {
    for (const [name, value] of Object.entries(records))
      if ((value.expiresAt ?? Infinity) > now) lines.set(`${aggregate} ${name}`, JSON.stringify(value));
    for (const [name, members] of Object.entries(sets)) lines.set(`${aggregate} set ${name}`, JSON.stringify(members));
    for (const [name, log] of Object.entries(logs)) lines.set(`${aggregate} log ${name}`, JSON.stringify(log));
  }
  return lines;
}

/**
 * What differs, as `kind/id name was added`, changed or removed; empty when the two are equal.
 * @param now Unix milliseconds, by which records may have ended by themselves
 */
export function changesBetweenDumps(before: StoreDump, after: StoreDump, now = 0): string[] {
  const [old, young] = [linesOf(before, now), linesOf(after, now)];
  const changes: string[] = [];
  for (const [name, value] of young) {
    const known = old.get(name);
    if (known !== value) changes.push(`${name} was ${known === undefined ? 'added' : 'changed'}`);
  }
  for (const name of old.keys()) if (!young.has(name)) changes.push(`${name} was removed`);
  return changes;
}

/** What a call changes in a store. */
export async function changesBy(store: Store, call: () => Promise<unknown>): Promise<string[]> {
  const before = await dump(store);
  await call();
  return changesBetweenDumps(before, await dump(store));
}
