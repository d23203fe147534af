/**
 * Group states as sealed records, beside the device's own in its aggregate. Each version and each bucket is a record of its
 * own, so that a change writes what changed.
 */
import { CpnsError, GroupKey } from '@cpns/core';
import {
  changedVersions,
  goneVersions,
  type KnownVersion,
  requireCommitment,
  type SenderReplayState,
  type Statement,
} from '@cpns/group-key';
import {
  type Aggregate,
  at,
  defineRecord,
  jsonField,
  optional,
  type Puts,
  type Records,
  secretField,
} from '@cpns/store';
import { type GroupContent, type GroupState, type GroupStates, REPLAY_BUCKETS, type ReplayBucket } from './group-state';

/** Ids of all groups. */
const GROUP_INDEX = defineRecord('groups', { ids: jsonField<readonly string[]>() });

/** There from the first change of a group on. */
const GROUP_HEAD = defineRecord('group', {
  serial: jsonField<number>(),
  entity: jsonField<string>(),
  retiredThrough: jsonField<bigint>(),
  /** Rising; each has a record of its own. */
  versions: jsonField<readonly bigint[]>(),
  left: jsonField<boolean>(),
  replaySalt: jsonField<Buffer>(),
});

const GROUP_VERSION = defineRecord('group-version', {
  statement: jsonField<Statement>(),
  groupKey: optional(secretField(GroupKey)),
});

const GROUP_REPLAY = defineRecord('group-replay', {
  serial: jsonField<number>(),
  senders: jsonField<readonly SenderReplayState[]>(),
});

// no group-id has a colon: names of different groups are never the same
const headName = (groupId: string) => `group:${groupId}`;
const versionName = (groupId: string, version: bigint) => `${headName(groupId)}:version:${version}`;
const replayName = (groupId: string, version: bigint, bucket: number) =>
  `${headName(groupId)}:replay:${version}:${bucket}`;

const headRef = (groupId: string) => at(GROUP_HEAD, headName(groupId));
const versionRef = (groupId: string, version: bigint) => at(GROUP_VERSION, versionName(groupId, version));
const replayRef = (groupId: string, version: bigint, bucket: number) =>
  at(GROUP_REPLAY, replayName(groupId, version, bucket));

type VersionRef = ReturnType<typeof versionRef>;
type ReplayRef = ReturnType<typeof replayRef>;

/** Names of records within one use of them. */
type VersionName = `version:${string}`;
type ReplayName = `replay:${string}`;
const versionKey = (version: bigint): VersionName => `version:${version}`;
const replayKey = (version: bigint, bucket: number): ReplayName => `replay:${version}:${bucket}`;

/** A device is in at most so many groups, those that it left counted: their highest statements are kept. */
const GROUPS_MAX = 1_000;
/** Versions that one commit takes out with all that was opened under them, so that it stays within the store's limit. */
const GONE_PER_COMMIT = 16;
/** Buckets that one commit writes. */
const BUCKETS_PER_COMMIT = 16;

const BUCKET_NUMBERS = Array.from({ length: REPLAY_BUCKETS }, (_, bucket) => bucket);

type VersionRefs = Readonly<Record<VersionName, VersionRef>>;
type ReplayRefs = Readonly<Record<ReplayName, ReplayRef>>;
type ChangeRefs = { readonly head: ReturnType<typeof headRef>; readonly index: typeof INDEX } & VersionRefs &
  ReplayRefs;

const INDEX = at(GROUP_INDEX);

const versionRefs = (groupId: string, versions: readonly bigint[]): VersionRefs =>
  Object.fromEntries(versions.map((version) => [versionKey(version), versionRef(groupId, version)]));

const replayRefs = (groupId: string, versions: readonly bigint[]): ReplayRefs =>
  Object.fromEntries(
    versions.flatMap((version) =>
      BUCKET_NUMBERS.map((bucket) => [replayKey(version, bucket), replayRef(groupId, version, bucket)]),
    ),
  );

const conflict = () => new CpnsError('CONFLICT', 'another process works on the same device: let one of them finish');

const mixed = (groupId: string, cause?: unknown) =>
  new CpnsError('STORED_RECORD_INVALID', 'the stored Group Keys of this device are mixed from different times', {
    metadata: { group: groupId },
    ...(cause === undefined ? {} : { cause }),
  });

/** Group states in the device's own store, sealed under its master key. */
export class SealedGroupStates implements GroupStates {
  constructor(
    private readonly records: Records,
    private readonly aggregate: Aggregate,
    private readonly groupsMax = GROUPS_MAX,
  ) {}

  async list(): Promise<readonly string[]> {
    const { index } = await this.records.read(this.aggregate, { index: INDEX });
    return index?.ids ?? [];
  }

  /** @throws CpnsError STORED_RECORD_INVALID, DEPENDENCY_UNAVAILABLE */
  async read(groupId: string): Promise<GroupState | undefined> {
    const { head } = await this.records.read(this.aggregate, { head: headRef(groupId) });
    if (head === undefined) return undefined;
    const { versions: numbers, retiredThrough, ...others } = head;
    const found = await this.records.read(this.aggregate, versionRefs(groupId, numbers));
    const versions = numbers.map((version) => fitting(groupId, version, found[versionKey(version)]));
    return { ...others, groupId, keyring: { groupId, retiredThrough, versions } };
  }

  /** @throws CpnsError CONFLICT, LIMIT_REACHED, STORED_RECORD_INVALID, DEPENDENCY_UNAVAILABLE */
  async replace(before: GroupState, next: GroupContent): Promise<GroupState> {
    let current = before;
    for (;;) {
      const gone = goneVersions(current.keyring, next.keyring);
      if (gone.length <= GONE_PER_COMMIT) return this.#commit(current, next, gone);
      const first = gone.slice(0, GONE_PER_COMMIT);
      current = await this.#commit(current, without(current, next, first), first);
    }
  }

  #commit(before: GroupState, next: GroupContent, gone: readonly bigint[]): Promise<GroupState> {
    const { groupId } = before;
    const changed = changedVersions(before.keyring, next.keyring);
    const numbers = changed.map(({ statement }) => statement.version);
    const after: GroupState = { ...next, groupId, serial: before.serial + 1 };
    const wanted: ChangeRefs = {
      head: headRef(groupId),
      index: INDEX,
      ...versionRefs(groupId, [...numbers, ...gone]),
      ...replayRefs(groupId, gone),
    };
    return this.records.transact(this.aggregate, wanted, ({ head, index }) => {
      if ((head?.serial ?? 0) !== before.serial) throw conflict();
      const put: Puts<ChangeRefs> = {
        head: headOf(after),
        ...(head === undefined && { index: { ids: this.#withGroup(index?.ids ?? [], groupId) } }),
        ...Object.fromEntries(gone.map((version) => [versionKey(version), null])),
        ...Object.fromEntries(Object.keys(replayRefs(groupId, gone)).map((name) => [name, null])),
        ...Object.fromEntries(changed.map((known) => [versionKey(known.statement.version), known])),
      };
      return { result: after, put };
    });
  }

  /** @throws CpnsError STORED_RECORD_INVALID, DEPENDENCY_UNAVAILABLE */
  async readReplay({ groupId, keyring }: GroupState): Promise<readonly ReplayBucket[]> {
    const buckets: ReplayBucket[] = [];
    for (const { version } of keyring.versions.map(({ statement }) => statement)) {
      const found = await this.records.read(this.aggregate, replayRefs(groupId, [version]));
      for (const bucket of BUCKET_NUMBERS) {
        const record = found[replayKey(version, bucket)];
        if (record !== undefined) buckets.push({ version, bucket, ...record });
      }
    }
    return buckets;
  }

  /** @throws CpnsError CONFLICT, STORED_RECORD_INVALID, DEPENDENCY_UNAVAILABLE */
  async writeReplay(groupId: string, buckets: readonly ReplayBucket[]): Promise<void> {
    for (let from = 0; from < buckets.length; from += BUCKETS_PER_COMMIT)
      await this.#writeBuckets(groupId, buckets.slice(from, from + BUCKETS_PER_COMMIT));
  }

  #writeBuckets(groupId: string, buckets: readonly ReplayBucket[]): Promise<void> {
    const wanted: ReplayRefs = Object.fromEntries(
      buckets.map(({ version, bucket }) => [replayKey(version, bucket), replayRef(groupId, version, bucket)]),
    );
    return this.records.transact(this.aggregate, wanted, (found) => {
      const put = buckets.map(({ version, bucket, serial, senders }) => {
        const key = replayKey(version, bucket);
        if ((found[key]?.serial ?? 0) !== serial - 1) throw conflict();
        return [key, { serial, senders }] as const;
      });
      return { result: undefined, put: Object.fromEntries(put) };
    });
  }

  #withGroup(ids: readonly string[], groupId: string): readonly string[] {
    const limit = this.groupsMax;
    if (ids.length < limit) return [...ids, groupId];
    throw new CpnsError('LIMIT_REACHED', `a device keeps the keys of at most ${limit} Service Groups`, {
      metadata: { limit: String(limit) },
    });
  }
}

const headOf = ({ serial, entity, keyring, left, replaySalt }: GroupState) => ({
  serial,
  entity,
  retiredThrough: keyring.retiredThrough,
  versions: keyring.versions.map(({ statement }) => statement.version),
  left,
  replaySalt,
});

/** On the way to `next`: without some of the oldest versions, which are not taken in again if the process ends here. */
function without(state: GroupState, next: GroupContent, gone: readonly bigint[]): GroupContent {
  const { keyring, entity, left, replaySalt } = state;
  const versions = keyring.versions.filter(({ statement }) => !gone.includes(statement.version));
  const last = gone.at(-1) ?? 0n;
  const through = last < next.keyring.retiredThrough ? last : next.keyring.retiredThrough;
  const retiredThrough = through > keyring.retiredThrough ? through : keyring.retiredThrough;
  return { entity, left, replaySalt, keyring: { ...keyring, retiredThrough, versions } };
}

/** The sealed record is authentic; that it belongs to this head says its commitment. */
function fitting(groupId: string, version: bigint, known: KnownVersion | undefined): KnownVersion {
  if (known?.statement.version !== version) throw mixed(groupId);
  try {
    if (known.groupKey !== undefined) requireCommitment(known.groupKey, known.statement);
  } catch (cause) {
    throw mixed(groupId, cause);
  }
  return known;
}
