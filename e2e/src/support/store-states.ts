import type { Aggregate, Store } from '@cpns/store';
import { changesBetweenDumps, dump, type StoreDump } from '@cpns/store/testing';
import { lookIntoStore } from '@cpns/testing';
import { setTimeout as sleep } from 'node:timers/promises';

/** What several stores hold at one time, by the name of whose they are. */
export interface StoreState {
  readonly takenAt: number;
  readonly dumps: Readonly<Record<string, StoreDump>>;
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

  /** Looks into one more store from now on, which is open in this process, and closed by its opener. */
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
    for (const [name, open] of this.#stores) dumps[name] = await open(dump);
    return { takenAt: Date.now(), dumps };
  }

  /**
   * A state that stays as it is for a moment.
   * @param isOver whether all that services do by themselves is done in it
   * @throws Error when there is none within 20 s
   */
  async settled(isOver: (state: StoreState) => boolean = () => true): Promise<StoreState> {
    const until = Date.now() + SETTLE_MS;
    for (let before = await this.look(); ;) {
      await sleep(PAUSE_MS);
      const after = await this.look();
      const changes = changesBetween(before, after);
      if (changes.length === 0 && isOver(after)) return after;
      if (Date.now() > until) throw new Error(`the stores do not come to rest: ${changes.join('; ')}`);
      before = after;
    }
  }
}

/** A gateway claims a log as long as its channel is open, and keeps as of when it is current. */
const SIGN_OF_LIFE = /( claim\.[a-z]+|^table-age\/own age) was (added|changed|removed)$/;

/** What differs, each as whose store, where and how; empty when the two states are equal. */
export function changesBetween(before: StoreState, after: StoreState): string[] {
  const names = new Set([...Object.keys(before.dumps), ...Object.keys(after.dumps)]);
  return [...names].flatMap((name) => {
    const [old, young] = [before.dumps[name] ?? {}, after.dumps[name] ?? {}];
    const changes = changesBetweenDumps(old, young, after.takenAt).filter((change) => !SIGN_OF_LIFE.test(change));
    return changes.map((change) => `${name} ${change}`);
  });
}
