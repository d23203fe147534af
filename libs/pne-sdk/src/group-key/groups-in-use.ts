import { LRUCache } from 'lru-cache';
import { type Clock, CpnsError, NONCE_BYTES } from '@cpns/core';
import { emptyKeyring } from '@cpns/group-key';
import { Group, type GroupContext } from './group';
import type { GroupState } from './group-state';

interface InUse {
  readonly loading: Promise<Group>;
  /** Once it is loaded. */
  group: Group | undefined;
  users: number;
}

/** The groups of one device that are in memory: each once, and never another state of it than what is stored. */
export class GroupsInUse {
  readonly #groups = new Map<string, InUse>();

  constructor(private readonly context: GroupContext) {}

  /** With the group as it is stored; one that nothing is known of is kept no longer than it is used. */
  async use<T>(groupId: string, entity: string, work: (group: Group) => Promise<T>): Promise<T> {
    for (;;) {
      const entry = this.#groups.get(groupId) ?? this.#enter(groupId, entity);
      entry.users += 1;
      try {
        const group = await entry.loading;
        if (!group.isStale && group.state.entity === entity) return await work(group);
        this.#drop(groupId, entry);
      } finally {
        entry.users -= 1;
        const isKept = entry.group !== undefined && entry.group.state.serial > 0;
        if (!isKept && entry.users === 0) this.#drop(groupId, entry);
      }
    }
  }

  /** Overwrites the keys in memory. */
  close(): void {
    for (const { group } of this.#groups.values()) group?.close();
    this.#groups.clear();
  }

  #enter(groupId: string, entity: string): InUse {
    const entry: InUse = { loading: this.#load(groupId, entity), group: undefined, users: 0 };
    entry.loading.then(
      (group) => (entry.group = group),
      // the error reaches those that use the entry
      () => undefined,
    );
    this.#groups.set(groupId, entry);
    return entry;
  }

  #drop(groupId: string, entry: InUse): void {
    if (this.#groups.get(groupId) === entry) this.#groups.delete(groupId);
    entry.group?.discard();
  }

  async #load(groupId: string, entity: string): Promise<Group> {
    const { states, random } = this.context;
    const fresh = newGroup(groupId, entity, random.bytes(NONCE_BYTES));
    const stored = await states.read(groupId);
    // the device was admitted under another identity since: the keys of the earlier one are not its own
    const state =
      stored === undefined || stored.entity === entity ? stored : await states.replace(stored, contentOf(fresh));
    return new Group(state ?? fresh, this.context);
  }
}

export const newGroup = (groupId: string, entity: string, replaySalt: Buffer): GroupState => ({
  serial: 0,
  groupId,
  entity,
  keyring: emptyKeyring(groupId),
  left: false,
  replaySalt,
});

const contentOf = ({ entity, keyring, left, replaySalt }: GroupState) => ({ entity, keyring, left, replaySalt });

/** How long a refusal stands for the next pulls of the same key, milliseconds. */
export const REFUSAL_MS = 3_000;
/** How long an answer does, milliseconds: half of the shortest time for which a Group Key is sealed with. */
export const ANSWER_MS = 500;
/** Outcomes that are remembered. */
export const OUTCOMES_MAX = 256;
/** Pulls that begin within {@link REFUSAL_MS}. */
export const PULLS_MAX = 128;

interface Outcome {
  /** Unix milliseconds. */
  readonly until: number;
  readonly refusal?: CpnsError;
}

/**
 * Pulls that a device makes of its own accord, while it seals or opens. What makes it pull may be a stranger's message: the
 * same is asked for once at a time, not again for some seconds after an answer, and never too much in all.
 */
export class PullGate {
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #outcomes = new LRUCache<string, Outcome>({ max: OUTCOMES_MAX });
  #period = { until: -Infinity, pulls: 0 };

  constructor(private readonly clock: Clock) {}

  /**
   * @param key what is pulled
   * @throws CpnsError what the pull threw, also a while ago; LIMIT_REACHED
   */
  pass(key: string, pull: () => Promise<unknown>): Promise<void> {
    const underWay = this.#underWay.get(key);
    if (underWay !== undefined) return underWay;
    const known = this.#outcomes.get(key);
    if (known !== undefined && this.clock.now() < known.until)
      return known.refusal === undefined ? Promise.resolve() : Promise.reject(known.refusal);
    const over = this.#overLimit();
    if (over !== undefined) return Promise.reject(over);
    const pulling = this.#pull(key, pull).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, pulling);
    return pulling;
  }

  /** The next pulls of these keys are made: something happened since. */
  reset(...keys: readonly string[]): void {
    for (const key of keys) this.#outcomes.delete(key);
  }

  /** The next pulls of all keys are made. */
  resetAll(): void {
    this.#outcomes.clear();
  }

  /** How many outcomes are remembered. */
  get remembered(): number {
    return this.#outcomes.size;
  }

  async #pull(key: string, pull: () => Promise<unknown>): Promise<void> {
    try {
      await pull();
      this.#outcomes.set(key, { until: this.clock.now() + ANSWER_MS });
    } catch (error) {
      if (error instanceof CpnsError) this.#outcomes.set(key, { refusal: error, until: this.clock.now() + REFUSAL_MS });
      throw error;
    }
  }

  #overLimit(): CpnsError | undefined {
    const now = this.clock.now();
    if (now >= this.#period.until) this.#period = { until: now + REFUSAL_MS, pulls: 0 };
    this.#period.pulls += 1;
    if (this.#period.pulls <= PULLS_MAX) return undefined;
    return new CpnsError('LIMIT_REACHED', 'this device asks for too many Group Keys at once: try again', {
      metadata: { limit: String(PULLS_MAX), period_ms: String(REFUSAL_MS) },
    });
  }
}
