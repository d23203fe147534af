/**
 * What the CPNS Server's CSKMF keeps of one Service Group, all in one aggregate: its versions, the change under way, and
 * its recipients, which are a projection of the membership that SMF owns. The keys themselves are the KMC's. Below the records
 * stands what they say of a version: its state, how long members seal with it, and its signed statement.
 */
import { statementMessage, type GroupKeyStatement } from '@cpns/contracts';
import { CpnsError, failedPrecondition } from '@cpns/core';
import {
  completeDescription,
  endStatement,
  NO_SHARED_DIGEST,
  signStatement,
  supersededAt,
  versionState,
  type GroupDescription,
  type Statement,
  type VersionState,
} from '@cpns/group-key';
import { ServiceIdentity } from '@cpns/platform';
import { defineRecord, jsonField, optional, type Aggregate, type ValueIn } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import type { ChangeFlow } from '../osg/osg';

export const GROUP_KIND = 'group';

export const groupAggregate = (groupId: string): Aggregate => ({ kind: GROUP_KIND, id: groupId });

/** What a version was made for: a new group, changes of its members, its time (GK-UPDATE-T), or one who asked for it. */
export type VersionCause = 'create' | 'join' | 'leave' | 'time' | 'hand';

/** One version that may still be in use. What is optional is absent in versions from before it was recorded. */
export interface GroupKeyVersion {
  readonly version: bigint;
  /** The one before it, or 0. */
  readonly previous: bigint;
  /** Members seal with it from here on, and until then; Unix milliseconds. */
  readonly activateAt: number;
  readonly sealUntil: number;
  /** GKC, 32 bytes. */
  readonly commitment: Buffer;
  /** Unix milliseconds. */
  readonly madeAt?: number;
  readonly cause?: VersionCause;
  /** True where no older version opens any more. */
  readonly emergency?: boolean;
  /** SHA-256 of the request for a version by hand, 32 bytes: the same request gets the same version. */
  readonly requestDigest?: Buffer;
}

export const GROUP = defineRecord('head', {
  description: jsonField<GroupDescription>(completeDescription),
  /** Rises with each change of the description; 1 where it is absent. */
  descriptionRevision: optional(jsonField<bigint>()),
  /** Of the membership that the newest version serves. */
  membershipRevision: jsonField<bigint>(),
  /** SHA-256 of the change of the membership that led to it, 32 bytes: the same change gets the same answer. */
  changeDigest: jsonField<Buffer>(),
  /** The last number that was given. */
  newest: jsonField<bigint>(),
  /** Oldest first; without those that were retired. */
  versions: jsonField<readonly GroupKeyVersion[]>(),
  /** When the group was deleted, Unix milliseconds. */
  deletedAt: optional(jsonField<number>()),
});
export type KeyedGroupRecord = ValueIn<typeof GROUP>;

export type RetiredVersion = Omit<GroupKeyVersion, 'commitment'>;

/** As many retired versions as are remembered, for GetGroupKeyStatus. */
const RETIRED_VERSIONS_MAX = 100;

/** The newest of the versions that were destroyed, oldest first. */
export const RETIRED_VERSIONS = defineRecord('retired-versions', {
  versions: jsonField<readonly RetiredVersion[]>(),
});

const retiredVersion = ({ commitment, ...version }: GroupKeyVersion): RetiredVersion => version;

/** The record once more versions were destroyed. */
export const withRetired = (
  retired: ValueIn<typeof RETIRED_VERSIONS> | undefined,
  more: readonly GroupKeyVersion[],
): ValueIn<typeof RETIRED_VERSIONS> => ({
  versions: [...(retired?.versions ?? []), ...more.map(retiredVersion)].slice(-RETIRED_VERSIONS_MAX),
});

/**
 * The one change that is under way: written before the KMC is asked, so that after a crash the same request is repeated
 * there, and gone once the group's head says that it is done.
 */
export const PENDING = defineRecord('pending', {
  flow: jsonField<ChangeFlow>(),
  /** 16 bytes; tells one pending change from another. */
  requestId: jsonField<Buffer>(),
  /** SHA-256 of the change, 32 bytes. */
  changeDigest: jsonField<Buffer>(),
  /** Of the membership after the change. */
  membershipRevision: jsonField<bigint>(),
  description: jsonField<GroupDescription>(completeDescription),
  /** What the version is made for; absent in a change of members from before it was recorded. */
  cause: optional(jsonField<VersionCause>()),
  emergency: optional(jsonField<boolean>()),
  /** The newest version that there is, or 0. */
  previous: jsonField<bigint>(),
  /** The version that those who join get, where none is made for them. */
  kept: optional(jsonField<bigint>()),
  /** E of each. */
  joined: jsonField<readonly string[]>(),
  /** The life of each that joins, as it was when the change began; 1 where it is absent. */
  joinedLives: optional(jsonField<readonly bigint[]>()),
  left: jsonField<readonly string[]>(),
  /** W3C trace context of what began it: another call may have to finish it. */
  traceparent: jsonField<string>(),
});
export type PendingRecord = ValueIn<typeof PENDING>;

/** The version from which on a change counts: the new one, unless none is made. */
export const versionFrom = ({ kept, previous }: Pick<PendingRecord, 'kept' | 'previous'>): bigint =>
  kept ?? previous + 1n;

/**
 * Version numbers that one stretch of membership covers: from the first, up to but without the second, or open; and the life
 * of E that it belongs to, 1 where it is absent.
 */
export type Span = readonly [from: bigint, until: bigint | null, life?: bigint];

/** One entity that is, or was, a recipient of the group's keys. It stays, so that a leaver is told why it gets nothing. */
export const RECIPIENT = defineRecord('recipient', {
  entity: jsonField<string>(),
  /** Oldest first: who joins again has a second one. */
  spans: jsonField<readonly Span[]>(),
});
export type RecipientRecord = ValueIn<typeof RECIPIENT>;

/** @param entity E, which a record's name could not hold */
export const recipientName = (entity: string): string =>
  `recipient.${createHash('sha256').update(entity).digest('hex')}`;

/** The set of the E of one Personal Network that a version still in use was, or will be, given to. */
export const recipientsSet = (pnId: string): string => `pn.${pnId}`;
/** The set of the pn-ids that have such a set. */
export const PNS = 'pns';
/** The set of the E that left with a version: of no use to them is what comes from it on. */
export const leaversSet = (version: bigint): string => `left.${version}`;

/** One replica at a time retires versions of a group; it ends by itself, should that replica die. */
export const RETIREMENT = defineRecord('retirement', { claimedAt: jsonField<number>() });

/** How long members may seal with a version: a period of the group from when it is stated, or from when they begin. */
export const sealUntilOf = ({ description }: Pick<KeyedGroupRecord, 'description'>, activateAt: number, now: number) =>
  Math.max(activateAt, now) + description.sealPeriod;

/** Where a version that the head lists stands. @param now Unix milliseconds */
export function stateOf(group: KeyedGroupRecord, { version, activateAt }: GroupKeyVersion, now: number): VersionState {
  const { versions, deletedAt } = group;
  return versionState({ activateAt, supersededAt: supersededAt(version, versions), deletedAt }, now);
}

/** Those that the head lists still, and that no member opens with any more: to be destroyed. */
export const overdue = (group: KeyedGroupRecord, now: number): readonly GroupKeyVersion[] =>
  group.versions.filter((version) => stateOf(group, version, now) === 'retired');

/** The lowest number that is still in use, or the one after the newest. */
export const oldestInUse = (group: KeyedGroupRecord, now: number): bigint =>
  group.versions.find((version) => stateOf(group, version, now) !== 'retired')?.version ?? group.newest + 1n;

/**
 * True when the statement of the newest version, or of the one in use, ought to be renewed: less than half of its seal period
 * is left. So a group whose membership stays can go on sealing, each time with a bound that is as near as the operator wanted it.
 */
export function needsRenewal(group: KeyedGroupRecord, version: GroupKeyVersion, now: number): boolean {
  if (version.sealUntil - now >= group.description.sealPeriod / 2) return false;
  return version.version === group.newest || stateOf(group, version, now) === 'active';
}

/** GK-PULL, GK-PUSH: what the Server says of a version, signed with the key of its certificate. */
@Injectable()
export class SignedStatements {
  /**
   * By the version as it was read, which stays the same object while its record does not change (RecentRecords): a
   * signature costs as much as all the rest of a pull.
   */
  readonly #signed = new WeakMap<GroupKeyVersion, GroupKeyStatement>();

  constructor(private readonly own: ServiceIdentity) {}

  /** Of a version without a key tree. @param groupId the group that the version is one of */
  of(groupId: string, version: GroupKeyVersion): GroupKeyStatement {
    const known = this.#signed.get(version);
    if (known !== undefined) return known;
    const { version: number, previous, activateAt, sealUntil, commitment } = version;
    const signed = this.#sign({
      groupId,
      version: number,
      previous,
      activateAt,
      sealUntil,
      commitment,
      treeEpoch: 0n,
      treeRevision: 0n,
      sharedDigest: NO_SHARED_DIGEST,
    });
    this.#signed.set(version, signed);
    return signed;
  }

  /** The last one about a group. @param deletedAt Unix milliseconds */
  ofTheEnd(groupId: string, newest: bigint, deletedAt: number): GroupKeyStatement {
    return this.#sign(endStatement(groupId, newest, deletedAt));
  }

  #sign(statement: Statement): GroupKeyStatement {
    const { key, chain } = this.own;
    return statementMessage({ statement, signature: signStatement(key, statement), chain });
  }
}

export const groupUnknown = () => new CpnsError('NOT_FOUND', 'no group of that id has a Group Key here');

export const groupDeleted = () =>
  failedPrecondition('GROUP_DELETED', 'the Service Group was deleted, and its id is never used again');

/** @throws CpnsError NOT_FOUND, GROUP_DELETED */
export function livingGroup(group: KeyedGroupRecord | undefined): KeyedGroupRecord {
  if (group === undefined) throw groupUnknown();
  if (group.deletedAt !== undefined) throw groupDeleted();
  return group;
}
