import type { Clock, GroupKey } from '@cpns/core';

interface Entry {
  readonly groupKey: GroupKey;
  usedAt: number;
}

export interface GroupKeyCacheOptions {
  readonly clock: Clock;
  /** How many keys are held at a time. */
  readonly size: number;
  /** How long one is held that nobody asks for, milliseconds. */
  readonly idle: number;
}

const nameOf = (groupId: string, version: bigint): string => `${groupId}/${version}`;

/**
 * Group Keys in memory, for as long as they are asked for. A key is destroyed when it is taken out, so nobody may keep one
 * across an await: {@link GroupKeyCache.get} is for use at once.
 */
export class GroupKeyCache {
  /** In the order of their last use. */
  readonly #entries = new Map<string, Entry>();

  constructor(private readonly options: GroupKeyCacheOptions) {}

  get size(): number {
    return this.#entries.size;
  }

  get(groupId: string, version: bigint): GroupKey | undefined {
    const name = nameOf(groupId, version);
    const entry = this.#entries.get(name);
    if (entry === undefined) return undefined;
    entry.usedAt = this.options.clock.now();
    this.#entries.delete(name);
    this.#entries.set(name, entry);
    return entry.groupKey;
  }

  /** Takes the key over: it is this cache that destroys it. */
  put(groupId: string, version: bigint, groupKey: GroupKey): void {
    this.forget(groupId, version);
    this.dropIdle();
    this.#entries.set(nameOf(groupId, version), { groupKey, usedAt: this.options.clock.now() });
    for (const name of this.#entries.keys()) {
      if (this.#entries.size <= this.options.size) return;
      this.#drop(name);
    }
  }

  forget(groupId: string, version: bigint): void {
    this.#drop(nameOf(groupId, version));
  }

  forgetGroup(groupId: string): void {
    for (const name of this.#entries.keys()) if (name.startsWith(`${groupId}/`)) this.#drop(name);
  }

  /** Those that nobody asked for lately. */
  dropIdle(): void {
    const since = this.options.clock.now() - this.options.idle;
    for (const [name, { usedAt }] of this.#entries) {
      if (usedAt > since) return;
      this.#drop(name);
    }
  }

  clear(): void {
    for (const name of this.#entries.keys()) this.#drop(name);
  }

  #drop(name: string): void {
    this.#entries.get(name)?.groupKey.destroy();
    this.#entries.delete(name);
  }
}
