import { NONCE_BYTES } from '@cpns/core';
import { Group, type GroupContext } from './group';
import { newGroup, type GroupState } from './group-state';

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

const contentOf = ({ entity, keyring, left, replaySalt }: GroupState) => ({ entity, keyring, left, replaySalt });
