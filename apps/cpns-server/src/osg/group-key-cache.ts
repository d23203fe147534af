import { Clock, duration, type GroupKey } from '@cpns/core';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';

/** How long one is held that is not asked for, milliseconds. */
const IDLE = duration(10, 'minute');

const nameOf = (groupId: string, version: bigint): string => `${groupId}/${version}`;

/**
 * Group Keys in memory, for as long as they are asked for. A key is destroyed when it is taken out, so no caller may keep
 * one across an await: {@link GroupKeyCache.get} is for use at once.
 */
@Injectable()
export class GroupKeyCache {
  readonly #keys: LRUCache<string, GroupKey>;

  constructor(clock: Clock) {
    this.#keys = new LRUCache({
      max: this.capacity(),
      ttl: IDLE - 1, // the library holds an entry that is as old as its ttl
      ttlResolution: 0,
      updateAgeOnGet: true,
      perf: clock,
      dispose: (groupKey) => groupKey.destroy(),
    });
  }

  /** How many keys are held at a time. */
  protected capacity(): number {
    return 1_000;
  }

  get(groupId: string, version: bigint): GroupKey | undefined {
    return this.#keys.get(nameOf(groupId, version));
  }

  /** Takes the key over: it is this cache that destroys it. */
  put(groupId: string, version: bigint, groupKey: GroupKey): void {
    this.dropIdle();
    this.#keys.set(nameOf(groupId, version), groupKey);
  }

  forget(groupId: string, version: bigint): void {
    this.#keys.delete(nameOf(groupId, version));
  }

  forgetGroup(groupId: string): void {
    // `keys()` would leave out the idle ones
    for (const [name] of this.#keys.dump()) if (name.startsWith(`${groupId}/`)) this.#keys.delete(name);
  }

  /** Those that were not asked for lately. */
  dropIdle(): void {
    this.#keys.purgeStale();
  }

  clear(): void {
    this.#keys.clear();
  }
}
