/**
 * The rules of new versions (GK-UPDATE-M, GK-UPDATE-T): when one becomes active, which one those who join get, and what is due
 * for a group by time. All of it by the group's records and the clock.
 *
 * ```
 *                       made            activate-at
 *   by time             |-- delay ------|              activate-at of the version before + period, or as a join if that is later
 *   for joins, by hand  |-- delay ------|
 *   for a leave         |
 *   emergency      |--- 120 s ---|                     in the past, so that every older version has had its grace already
 *              activate-at      made
 * ```
 */
import { duration } from '@cpns/core';
import { activationDelayOf, leastUpdatePeriod, supersededAt, type GroupDescription } from '@cpns/group-key';
import { sha256 } from '@cpns/key-derivation';
import {
  overdue,
  sealUntilOf,
  type GroupKeyVersion,
  type KeyedGroupRecord,
  type PendingRecord,
  type VersionCause,
} from './records';

/** So long before it is made an emergency has become active: twice the grace, for clocks that differ. */
const EMERGENCY_MS = duration(2, 'minute');

/** Versions of these are made ahead: all others are in use as soon as they are made. */
const DELAYED: ReadonlySet<VersionCause | undefined> = new Set<VersionCause>(['join', 'time', 'hand']);
/** Versions that others may be given who join before they are in use. */
const SHARED: ReadonlySet<VersionCause | undefined> = new Set<VersionCause>(['join', 'time']);

/** A change of members says by itself what its version is for. */
export const causeOf = ({
  cause,
  previous,
  left,
}: Pick<PendingRecord, 'cause' | 'previous' | 'left'>): VersionCause => {
  if (cause !== undefined) return cause;
  if (previous === 0n) return 'create';
  return left.length > 0 ? 'leave' : 'join';
};

/** As a fraction of the period, at most: groups that were made at one time are not all due at one time again. */
const JITTER = 0.1;
const UINT32 = 2 ** 32;

/**
 * How long after a version became active the next one does by time, milliseconds: the update period or up to a tenth less, the
 * same at every replica.
 */
export function periodAfter(description: GroupDescription, version: bigint, serverDelay: number): number {
  const { groupId, updatePeriod } = description;
  const drawn = sha256(Buffer.from(`${groupId}.${version}`)).readUInt32BE(0) / UINT32;
  const least = leastUpdatePeriod(description, serverDelay);
  return Math.max(Math.floor(updatePeriod * (1 - JITTER * drawn)), Math.min(least, updatePeriod));
}

interface Times {
  /** Activation delay of a group that names none, milliseconds. */
  readonly serverDelay: number;
  /** Unix milliseconds. */
  readonly now: number;
}

type Made = Pick<PendingRecord, 'emergency'> & { readonly cause: VersionCause };

/** @param last the newest version before it, if there is one */
export function activateAtOf(
  { cause, emergency }: Made,
  description: GroupDescription,
  last: GroupKeyVersion | undefined,
  { serverDelay, now }: Times,
): number {
  if (emergency === true) return now - EMERGENCY_MS;
  if (!DELAYED.has(cause)) return now;
  const soonest = now + activationDelayOf(description, serverDelay);
  if (cause !== 'time' || last === undefined) return soonest;
  return Math.max(soonest, nextByTime(description, last, serverDelay));
}

/** When the version after one becomes active by time; an emergency counts from when it was made. */
const nextByTime = (
  description: GroupDescription,
  { version, activateAt, madeAt = 0 }: GroupKeyVersion,
  serverDelay: number,
): number => Math.max(activateAt, madeAt) + periodAfter(description, version, serverDelay);

/** The group with a new version, which is given to its recipients from the commit of it on. */
export function withNewVersion(
  head: KeyedGroupRecord | undefined,
  pending: PendingRecord,
  { version, commitment }: Pick<GroupKeyVersion, 'version' | 'commitment'>,
  times: Times,
): KeyedGroupRecord {
  const { previous, emergency, changeDigest } = pending;
  const cause = causeOf(pending);
  const { description = pending.description, versions = [] } = head ?? {};
  const activateAt = activateAtOf({ cause, ...(emergency && { emergency }) }, description, versions.at(-1), times);
  const added: GroupKeyVersion = {
    version,
    previous,
    activateAt,
    sealUntil: sealUntilOf({ description }, activateAt, times.now),
    commitment,
    madeAt: times.now,
    cause,
    ...(emergency && { emergency }),
    ...(cause === 'hand' && { requestDigest: changeDigest }),
  };
  return { ...withMembership(head, pending), newest: version, versions: [...versions, added] };
}

/** The group at the revision of a change of its members; a version by time or by hand is none. */
export function withMembership(head: KeyedGroupRecord | undefined, pending: PendingRecord): KeyedGroupRecord {
  const { description, membershipRevision, changeDigest } = pending;
  if (head !== undefined && isRotation(pending)) return head;
  return { description, newest: 0n, versions: [], ...head, membershipRevision, changeDigest };
}

/** True for a version that no change of members caused: SMF is alerted. */
export const isRotation = ({ cause }: Pick<PendingRecord, 'cause'>): boolean => cause === 'time' || cause === 'hand';

/**
 * The version that those who join now are given, where none is made for them: the one in use in a group that says so; else one
 * that was made a moment ago for others and is not in use yet.
 */
export function versionForJoins(group: KeyedGroupRecord, now: number): bigint | undefined {
  const { joinKeepsVersion, joinWindow } = group.description;
  // one that was made because a member left is in use, also by a clock that is late
  if (joinKeepsVersion)
    return group.versions.findLast(({ cause, activateAt }) => activateAt <= now || !DELAYED.has(cause))?.version;
  const newest = group.versions.at(-1);
  if (joinWindow === 0 || newest?.madeAt === undefined || !SHARED.has(newest.cause)) return undefined;
  return newest.activateAt > now && now - newest.madeAt <= joinWindow ? newest.version : undefined;
}

/** What is due for a group. */
export interface Due {
  /** Versions that no member opens with any more, to be destroyed. */
  readonly retire: readonly GroupKeyVersion[];
  /** When the next version is to be made by time, Unix milliseconds: now, where that is in the past; Infinity for never. */
  readonly prepareAt: number;
}

export function dueOf(group: KeyedGroupRecord, times: Times): Due {
  // a group that is deleted is destroyed as a whole
  if (group.deletedAt !== undefined) return { retire: [], prepareAt: Infinity };
  return { retire: overdue(group, times.now), prepareAt: prepareAt(group, times) };
}

/** As many versions ahead as the group may have, the last of them its activation delay before it becomes active. */
function prepareAt(group: KeyedGroupRecord, { serverDelay, now }: Times): number {
  const { description, versions } = group;
  const { updatePeriod, preparedVersions } = description;
  const newest = versions.at(-1);
  if (updatePeriod === 0 || newest === undefined) return Infinity;
  const most = Math.max(preparedVersions, 1);
  const ahead = activationDelayOf(description, serverDelay) + (most - 1) * updatePeriod;
  const planned = nextByTime(description, newest, serverDelay) - ahead;
  // those that a younger one does not discard, in the order in which they become active
  const waiting = versions
    .map(({ version, activateAt }) => ({ activateAt, until: supersededAt(version, versions) }))
    .filter(({ activateAt, until }) => now < activateAt && activateAt < until);
  return waiting.length < most ? planned : Math.max(planned, waiting[0]?.activateAt ?? now);
}
