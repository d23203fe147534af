import type { KeyVersion } from '@cpns/contracts';
import { CpnsError, invalidArgument } from '@cpns/core';
import type { VersionRecord } from './records';

/** A version number of a message. @throws CpnsError FIELD_MISSING for 0, which no version has */
export function checkVersion(value: bigint, field: string): bigint {
  if (value === 0n) throw invalidArgument('FIELD_MISSING', `${field} is missing`, { metadata: { field } });
  return value;
}

/** A version as the OSG gets it, with its material. @throws CpnsError NOT_FOUND when that is gone */
export function keyVersion(groupId: string, { version, groupKey }: VersionRecord): KeyVersion {
  if (groupKey === undefined) throw new CpnsError('NOT_FOUND', 'this version of the Group Key was destroyed');
  return { groupId, version, groupKey: groupKey.expose() };
}

export const noSuchKey = () => new CpnsError('NOT_FOUND', 'the group has no Group Key here');
export const noSuchVersion = () => new CpnsError('NOT_FOUND', 'the Group Key has no such version');
