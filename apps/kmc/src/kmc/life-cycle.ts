/** The life of a Group Key and of its versions at the KMC, as data (SECCF-KMC). */
import { CpnsError, nextState, type LifeCycle } from '@cpns/core';

/**
 * A group's key. `ending`: it is no longer given out, and its versions are being destroyed, which takes as many
 * commits as there are hundreds of them. `ended`: they are gone. Neither leads back: a group-id is never used again.
 */
export type KeyState = 'live' | 'ending' | 'ended';
export type KeyEvent = 'destroy' | 'cleared';

/** One version. `destroyed`: the number stays taken, the material is gone. */
export type VersionState = 'live' | 'destroyed';
export type VersionEvent = 'destroy';

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
