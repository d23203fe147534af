import { CpnsError, GroupKey } from '@cpns/core';
import { goneVersions, type KnownVersion } from '@cpns/group-key';
import type { GroupContent, GroupState, GroupStates, ReplayBucket } from '../group-key/group-state';

const conflict = () => new CpnsError('CONFLICT', 'another was faster');
const copy = ({ statement, groupKey }: KnownVersion): KnownVersion => ({
  statement,
  ...(groupKey && { groupKey: new GroupKey(groupKey.expose()) }),
});
/** What is stored keeps its keys when the ones in use are overwritten. */
const copied = (state: GroupState): GroupState => ({
  ...state,
  keyring: { ...state.keyring, versions: state.keyring.versions.map(copy) },
});

/** Group states in memory, which count commits and can fail. */
export class MemoryGroupStates implements GroupStates {
  /** What is durable. */
  readonly stored = new Map<string, GroupState>();
  readonly replay = new Map<string, ReplayBucket>();
  /** Commits made. */
  commits = 0;
  /** Told of each commit before it is made; what it throws the commit fails with. */
  onCommit: (() => void | Promise<void>) | undefined;

  list(): Promise<readonly string[]> {
    return Promise.resolve([...this.stored.keys()]);
  }

  read(groupId: string): Promise<GroupState | undefined> {
    const state = this.stored.get(groupId);
    return Promise.resolve(state && copied(state));
  }

  async replace(before: GroupState, next: GroupContent): Promise<GroupState> {
    const { groupId } = before;
    await this.onCommit?.();
    if ((this.stored.get(groupId)?.serial ?? 0) !== before.serial) throw conflict();
    const after = { ...next, groupId, serial: before.serial + 1 };
    this.commits += 1;
    this.stored.set(groupId, copied(after));
    for (const version of goneVersions(before.keyring, next.keyring))
      for (const [key, bucket] of this.replay)
        if (key.startsWith(`${groupId} `) && bucket.version === version) this.replay.delete(key);
    return after;
  }

  readReplay({ groupId, keyring }: GroupState): Promise<readonly ReplayBucket[]> {
    const kept = new Set(keyring.versions.map(({ statement }) => statement.version));
    const own = [...this.replay].filter(([key, { version }]) => key.startsWith(`${groupId} `) && kept.has(version));
    return Promise.resolve(own.map(([, bucket]) => bucket));
  }

  async writeReplay(groupId: string, buckets: readonly ReplayBucket[]): Promise<void> {
    await this.onCommit?.();
    const keyOf = ({ version, bucket }: ReplayBucket) => `${groupId} ${version} ${bucket}`;
    if (buckets.some((bucket) => (this.replay.get(keyOf(bucket))?.serial ?? 0) !== bucket.serial - 1)) throw conflict();
    this.commits += 1;
    for (const bucket of buckets) this.replay.set(keyOf(bucket), bucket);
  }
}
