/** What the KMC keeps: of each group its key's head and versions, of each request what it was for; and their lives (SECCF-KMC). */
import { CpnsError, GroupKey, nextState, type LifeCycle } from '@cpns/core';
import { defineRecord, jsonField, optional, secretField, type Aggregate, type ValueIn } from '@cpns/store';

/**
 * A group's key. `ending`: it is given out no more, and its versions are being destroyed, which takes as many
 * commits as there are hundreds of them. `ended`: they are gone. Neither leads back: a group-id is never used again.
 */
export type KeyState = 'live' | 'ending' | 'ended';
export type KeyEvent = 'destroy' | 'cleared';

/** One version. `destroyed`: the number stays taken, the material is gone. */
export type VersionState = 'live' | 'destroyed';
type VersionEvent = 'destroy';

const row = <State extends string, Event extends string>(state: State, event: Event, next: State) => ({
  state,
  event,
  next,
});

export const KMC_KEY_LIFE_CYCLE: LifeCycle<KeyState, KeyEvent> = [
  row<KeyState, KeyEvent>('live', 'destroy', 'ending'),
  // asked again, after a crash or by an impatient caller
  row<KeyState, KeyEvent>('ending', 'destroy', 'ending'),
  row<KeyState, KeyEvent>('ending', 'cleared', 'ended'),
  row<KeyState, KeyEvent>('ended', 'cleared', 'ended'),
  row<KeyState, KeyEvent>('ended', 'destroy', 'ended'),
];

export const KMC_VERSION_LIFE_CYCLE: LifeCycle<VersionState, VersionEvent> = [
  row<VersionState, VersionEvent>('live', 'destroy', 'destroyed'),
  row<VersionState, VersionEvent>('destroyed', 'destroy', 'destroyed'),
];

function advance<State extends string, Event extends string>(
  lifeCycle: LifeCycle<State, Event>,
  state: State,
  event: Event,
): State {
  const next = nextState(lifeCycle, state, event);
  if (next === undefined) throw new CpnsError('INTERNAL', `what is ${state} does not meet ${event}`);
  return next;
}

/** @throws CpnsError INTERNAL where the life cycle has no row: a fault of ours */
export const advanceKey = (state: KeyState, event: KeyEvent): KeyState => advance(KMC_KEY_LIFE_CYCLE, state, event);

/** @throws CpnsError INTERNAL where the life cycle has no row: a fault of ours */
export const advanceVersion = (state: VersionState, event: VersionEvent): VersionState =>
  advance(KMC_VERSION_LIFE_CYCLE, state, event);

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
