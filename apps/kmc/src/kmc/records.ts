/** What the KMC keeps: of each group its key's head and versions, of each request what it was for. */
import { GroupKey } from '@cpns/core';
import { defineRecord, jsonField, optional, secretField, type ValueIn, type Aggregate } from '@cpns/store';
import type { KeyState, VersionState } from './life-cycle';

/** The Group Key of a Service Group: {@link HEAD} and any number of {@link VERSION}. */
export const keyAggregate = (groupId: string): Aggregate => ({ kind: 'key', id: groupId });

export const HEAD = defineRecord('head', {
  state: jsonField<KeyState>(),
  /** The highest number given so far; 1 for a group's first. */
  newest: jsonField<bigint>(),
});
export type HeadRecord = ValueIn<typeof HEAD>;

/**
 * Stays when the version is destroyed, without its key: that a record is absent never means that something may be done.
 * The store then holds the sealed key no more, as far as the store's users can see: an embedded store's file, and a
 * Redis's append-only file, still have its old bytes, sealed, until the space is used again or the file is rewritten.
 */
export const VERSION = defineRecord('version', {
  version: jsonField<bigint>(),
  state: jsonField<VersionState>(),
  /** Of the request that it was made for, 16 bytes. */
  requestId: jsonField<Buffer>(),
  /** Of a live version. */
  groupKey: optional(secretField(GroupKey)),
});
export type VersionRecord = ValueIn<typeof VERSION>;

export const versionName = (version: bigint): string => `version.${version}`;

/** @param requestId 16 bytes */
export const requestAggregate = (requestId: Buffer): Aggregate => ({ kind: 'request', id: requestId.toString('hex') });

/** What a request id stands for, so that it cannot come to stand for something else. */
export const CLAIM = defineRecord('claim', {
  groupId: jsonField<string>(),
  /** 0 for a group's first version. */
  previous: jsonField<bigint>(),
});
