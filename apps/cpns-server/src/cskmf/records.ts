/**
 * What the CPNS Server's CSKMF keeps of one Service Group, all in one aggregate: its versions, the change under way, and
 * its recipients, which are a projection of the membership that SMF owns. The keys themselves are the KMC's.
 */
import { createHash } from 'node:crypto';
import { defineRecord, jsonField, optional, type ValueIn, type Aggregate } from '@cpns/store';
import type { GroupDescription } from '@cpns/group-key';
import type { ChangeFlow } from '../osg/osg';

export const GROUP_KIND = 'group';

export const groupAggregate = (groupId: string): Aggregate => ({ kind: GROUP_KIND, id: groupId });

/** One version that may still be in use. */
export interface GroupKeyVersion {
  readonly version: bigint;
  /** The one before it, or 0. */
  readonly previous: bigint;
  /** Members seal with it from here on, and until then; Unix milliseconds. */
  readonly activateAt: number;
  readonly sealUntil: number;
  /** GKC, 32 bytes. */
  readonly commitment: Buffer;
}

export const GROUP = defineRecord('head', {
  description: jsonField<GroupDescription>(),
  /** Of the membership that the newest version serves. */
  membershipRevision: jsonField<bigint>(),
  /** SHA-256 of the change that led to it, 32 bytes: the same change gets the same answer. */
  changeDigest: jsonField<Buffer>(),
  /** The last number that was given. */
  newest: jsonField<bigint>(),
  /** Oldest first; without those that were retired. */
  versions: jsonField<readonly GroupKeyVersion[]>(),
  /** When the group was deleted, Unix milliseconds. */
  deletedAt: optional(jsonField<number>()),
});
export type KeyedGroupRecord = ValueIn<typeof GROUP>;

/** As many retired versions as are remembered, for GetGroupKeyStatus. */
export const RETIRED_VERSIONS_MAX = 100;

/** The newest of the versions that were destroyed, oldest first. */
export const RETIRED_VERSIONS = defineRecord('retired-versions', {
  versions: jsonField<readonly Omit<GroupKeyVersion, 'commitment'>[]>(),
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
  description: jsonField<GroupDescription>(),
  /** The version that the new one follows, or 0. */
  previous: jsonField<bigint>(),
  /** E of each. */
  joined: jsonField<readonly string[]>(),
  left: jsonField<readonly string[]>(),
  /** W3C trace context of what began it: another call may have to finish it. */
  traceparent: jsonField<string>(),
});
export type PendingRecord = ValueIn<typeof PENDING>;

/** Version numbers that one stretch of membership covers: from the first, up to but without the second, or open. */
export type Span = readonly [from: bigint, until: bigint | null];

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
