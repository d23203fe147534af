/** Who is given what, and what the others are told. */
import { CpnsError, failedPrecondition, permissionDenied } from '@cpns/core';
import type { GroupKeyVersion, KeyedGroupRecord, Span } from '../records';
import { groupDeleted, groupUnknown } from '../group-refusals';
import { isGiven } from '../recipients';
import { stateOf } from '../versions';

/** @throws CpnsError NOT_FOUND, GROUP_DELETED */
export function checkExists(group: KeyedGroupRecord | undefined): KeyedGroupRecord {
  if (group === undefined) throw groupUnknown();
  if (group.deletedAt !== undefined) throw groupDeleted();
  return group;
}

export const notAMember = (message: string) => permissionDenied('NOT_A_MEMBER', message);

/**
 * The version that is meant, as long as it may be used.
 * @param asked 0 for the newest
 * @throws CpnsError NOT_FOUND for one that was never made, VERSION_RETIRED
 */
export function versionOf(group: KeyedGroupRecord, asked: bigint, now: number): GroupKeyVersion {
  const number = asked === 0n ? group.newest : asked;
  if (number > group.newest) throw new CpnsError('NOT_FOUND', 'the group has no such version of its Group Key');
  const version = group.versions.find((one) => one.version === number);
  if (version === undefined || stateOf(group, version, now) === 'retired')
    throw failedPrecondition('VERSION_RETIRED', 'that version is no longer in use: pull the newest');
  return version;
}

/**
 * The version that is meant, for an entity with these spans.
 * @throws CpnsError NOT_A_MEMBER for a stranger, and for a leaver who wants the newest; VERSION_NOT_GIVEN; as
 *   {@link versionOf}
 */
export function allowedVersion(
  group: KeyedGroupRecord,
  spans: readonly Span[],
  asked: bigint,
  now: number,
): GroupKeyVersion {
  const number = asked === 0n ? group.newest : asked;
  if (!spans.some(([from]) => from <= group.newest)) throw notAMember('the entity is no member of the group');
  if (number <= group.newest && !isGiven(spans, number)) {
    if (asked === 0n) throw notAMember('the entity is no member of the group any more');
    throw permissionDenied('VERSION_NOT_GIVEN', 'the entity was no member when that version was the newest');
  }
  return versionOf(group, number, now);
}
