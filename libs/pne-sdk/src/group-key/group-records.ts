/**
 * Group states as sealed records, beside the device's own in its aggregate. Each version and each bucket is a record of its
 * own, so that a change writes what changed.
 */
import { GroupKey } from '@cpns/core';
import type { SenderReplayState, Statement } from '@cpns/group-key';
import { at, defineRecord, jsonField, optional, secretField } from '@cpns/store';

/** Ids of all groups. */
export const GROUP_INDEX = defineRecord('groups', { ids: jsonField<readonly string[]>() });

/** There from the first change of a group on. */
export const GROUP_HEAD = defineRecord('group', {
  serial: jsonField<number>(),
  entity: jsonField<string>(),
  retiredThrough: jsonField<bigint>(),
  /** Rising; each has a record of its own. */
  versions: jsonField<readonly bigint[]>(),
  left: jsonField<boolean>(),
  replaySalt: jsonField<Buffer>(),
});

export const GROUP_VERSION = defineRecord('group-version', {
  statement: jsonField<Statement>(),
  groupKey: optional(secretField(GroupKey)),
});

export const GROUP_REPLAY = defineRecord('group-replay', {
  serial: jsonField<number>(),
  senders: jsonField<readonly SenderReplayState[]>(),
});

// no group-id has a colon: names of different groups are never the same
const headName = (groupId: string) => `group:${groupId}`;
const versionName = (groupId: string, version: bigint) => `${headName(groupId)}:version:${version}`;
const replayName = (groupId: string, version: bigint, bucket: number) =>
  `${headName(groupId)}:replay:${version}:${bucket}`;

export const headRef = (groupId: string) => at(GROUP_HEAD, headName(groupId));
export const versionRef = (groupId: string, version: bigint) => at(GROUP_VERSION, versionName(groupId, version));
export const replayRef = (groupId: string, version: bigint, bucket: number) =>
  at(GROUP_REPLAY, replayName(groupId, version, bucket));

export type VersionRef = ReturnType<typeof versionRef>;
export type ReplayRef = ReturnType<typeof replayRef>;

/** Names of records within one use of them. */
export type VersionName = `version:${string}`;
export type ReplayName = `replay:${string}`;
export const versionKey = (version: bigint): VersionName => `version:${version}`;
export const replayKey = (version: bigint, bucket: number): ReplayName => `replay:${version}:${bucket}`;
