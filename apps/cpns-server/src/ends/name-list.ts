import type { EndedItems } from '@cpns/contracts';

/** Names that are named at most. */
const NAMED_MAX = 100;

/** Names, each counted once as far as they are named. */
export class NameList {
  readonly #names = new Set<string>();
  #unnamed = 0;

  constructor(names: Iterable<string> = []) {
    for (const name of names) this.add(name);
  }

  add(name: string): void {
    this.#names.add(name);
  }

  addAll(items: EndedItems | undefined): void {
    const { count = 0, names = [] } = items ?? {};
    for (const name of names) this.add(name);
    this.#unnamed += Math.max(0, count - names.length);
  }

  toWire(): EndedItems {
    return { count: this.#names.size + this.#unnamed, names: [...this.#names].slice(0, NAMED_MAX) };
  }
}
