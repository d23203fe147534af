import type { Aggregate, Store } from '@cpns/store';
import { changesBetweenDumps, dump, rawDump, sizeOfDump, type StoreDump } from '@cpns/store/testing';
import { lookIntoStore } from '@cpns/testing';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

/** What several stores hold at one time, by the name of whose they are. */
export interface StoreState {
  readonly takenAt: number;
  readonly dumps: Readonly<Record<string, StoreDump>>;
  /** SHA-256 over every byte of every store, in hex: where two are equal, so are the dumps, and need not be made. */
  readonly fingerprint: string;
}

/** Writes that a call leaves to the background are over within this pause, milliseconds. */
const PAUSE_MS = 20;
const SETTLE_MS = 20_000;

/** Opens one store for one look into it. */
type Opening = <T>(look: (store: Store) => Promise<T>) => Promise<T>;

/** Looks into the stores of running services, from outside and without a word to them: anew each time. */
export class StoreWatch {
  readonly #stores = new Map<string, Opening>();

  /** @param urls by the name of whose store it is */
  constructor(urls: Readonly<Record<string, string>>) {
    for (const [name, url] of Object.entries(urls)) this.#stores.set(name, (look) => lookIntoStore(url, look));
  }

  /** Looks into one more store from now on, which is open in this process; whoever opened it closes it. */
  add(name: string, store: Store): void {
    this.#stores.set(name, (look) => look(store));
  }

  /** Whether a record is there. */
  async has(name: string, aggregate: Aggregate, record: string): Promise<boolean> {
    const found = await this.#stores.get(name)?.((store) => store.read(aggregate, [record]));
    return found?.has(record) === true;
  }

  async look(): Promise<StoreState> {
    const dumps: Record<string, StoreDump> = {};
    const fingerprint = await this.#fingerprint(async (name, store) => {
      dumps[name] = await dump(store);
    });
    return { takenAt: Date.now(), dumps, fingerprint };
  }

  /**
   * A state that stays as it is for a moment.
   * @param isOver whether all that services do by themselves is done in it
   * @throws Error when there is none within 20 s
   */
  async settled(isOver: (state: StoreState) => boolean = () => true): Promise<StoreState> {
    const until = Date.now() + SETTLE_MS;
    let before = await this.look();
    for (;;) {
      await sleep(PAUSE_MS);
      if (isOver(before) && (await this.#fingerprint()) === before.fingerprint) return before;
      const after = await this.look();
      if (Date.now() > until)
        throw new Error(`the stores do not come to rest: ${changesBetween(before, after).join('; ')}`);
      before = after;
    }
  }

  /** The state now, which is the one before to the letter where not a byte has changed. */
  async since(before: StoreState): Promise<StoreState> {
    return (await this.#fingerprint()) === before.fingerprint ? before : this.look();
  }

  /** @param also done with each store while it is open: what it sees of an embedded one is what the fingerprint is of */
  async #fingerprint(also?: (name: string, store: Store) => Promise<void>): Promise<string> {
    const hash = createHash('sha256');
    for (const [name, open] of this.#stores)
      await open(async (store) => {
        hash.update(`${name}\n`);
        for (const { key, value } of await rawDump(store)) {
          hash.update(`${key.length} ${value.length}\n`);
          hash.update(key);
          hash.update(value);
        }
        await also?.(name, store);
      });
    return hash.digest('hex');
  }
}

/** What differs, each as whose store, where and how; empty when the two states are equal. */
export function changesBetween(before: StoreState, after: StoreState): string[] {
  if (before === after) return [];
  const names = new Set([...Object.keys(before.dumps), ...Object.keys(after.dumps)]);
  return [...names].flatMap((name) => {
    const [old, young] = [before.dumps[name] ?? {}, after.dumps[name] ?? {}];
    return changesBetweenDumps(old, young, after.takenAt).map((change) => `${name} ${change}`);
  });
}

const sizes = new WeakMap<StoreState, number>();

/** How many records, sets and logs a state has: a comparison of nothing with nothing shows nothing. */
export function sizeOf(state: StoreState): number {
  const size = sizes.get(state) ?? Object.values(state.dumps).reduce((sum, stored) => sum + sizeOfDump(stored), 0);
  sizes.set(state, size);
  return size;
}
