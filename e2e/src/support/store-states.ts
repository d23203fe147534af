import { openStore, type Store } from '@cpns/store';
import { dump, type StoreDump } from '@cpns/store/testing';
import { setTimeout as sleep } from 'node:timers/promises';

/** What several stores hold at one time, by the name of whose they are. */
export interface StoreState {
  readonly takenAt: number;
  readonly dumps: Readonly<Record<string, StoreDump>>;
}

/** Writes that a call leaves to the background are over within this pause, milliseconds. */
const PAUSE_MS = 10;
const SETTLE_MS = 3_000;

/** Looks into the stores of running services, from outside and without a word to them. */
export class StoreWatch {
  private constructor(private readonly stores: ReadonlyMap<string, Store>) {}

  /** @param urls by the name of whose store it is */
  static async open(urls: Readonly<Record<string, string>>): Promise<StoreWatch> {
    const stores = new Map<string, Store>();
    for (const [name, url] of Object.entries(urls)) stores.set(name, await openStore(url));
    return new StoreWatch(stores);
  }

  async look(): Promise<StoreState> {
    const dumps: Record<string, StoreDump> = {};
    for (const [name, store] of this.stores) dumps[name] = await dump(store);
    return { takenAt: Date.now(), dumps };
  }

  /** A state that stays as it is for a moment. @throws Error when there is none within 3 s */
  async settled(): Promise<StoreState> {
    const until = Date.now() + SETTLE_MS;
    let before = await this.look();
    for (;;) {
      await sleep(PAUSE_MS);
      const after = await this.look();
      const changes = changesBetween(before, after);
      if (changes.length === 0) return after;
      if (Date.now() > until) throw new Error(`the stores do not come to rest: ${changes.join('; ')}`);
      before = after;
    }
  }

  async close(): Promise<void> {
    for (const store of this.stores.values()) await store.close();
  }
}

type Flat = ReadonlyMap<string, string>;

/** One line per record, set member and log; without what had ended by itself at `now`. */
function flatten({ dumps }: StoreState, now: number): Flat {
  const lines = new Map<string, string>();
  for (const [name, stored] of Object.entries(dumps))
    for (const [aggregate, { records, sets, logs }] of Object.entries(stored)) {
      const at = `${name} ${aggregate}`;
      for (const [record, value] of Object.entries(records))
        if (value.expiresAt === undefined || value.expiresAt > now) lines.set(`${at} ${record}`, JSON.stringify(value));
      for (const [set, members] of Object.entries(sets)) lines.set(`${at} set ${set}`, JSON.stringify(members));
      for (const [log, entries] of Object.entries(logs)) lines.set(`${at} log ${log}`, JSON.stringify(entries));
    }
  return lines;
}

/** What differs, each as whose store, where and how; empty when the two states are equal. */
export function changesBetween(before: StoreState, after: StoreState): string[] {
  const [old, young] = [flatten(before, after.takenAt), flatten(after, after.takenAt)];
  const changes: string[] = [];
  for (const [at, value] of young) {
    const known = old.get(at);
    if (known === undefined) changes.push(`${at} was added`);
    else if (known !== value) changes.push(`${at} was changed`);
  }
  for (const at of old.keys()) if (!young.has(at)) changes.push(`${at} was removed`);
  return changes;
}

/** How many records, sets and logs a state has: a comparison of nothing with nothing shows nothing. */
export const sizeOf = (state: StoreState): number => flatten(state, state.takenAt).size;
