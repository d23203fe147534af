/**
 * The life of one version of a Group Key (5.3.1.12.6.2, GK-UPDATE-M), as data and by the clock.
 *
 * ```
 *   prepared --activate--> active --supersede--> grace --grace-over--> retired
 *       \                     \                     \
 *        +------destroy--------+------destroy--------+----destroy----> retired      the group was deleted
 * ```
 * Each boundary belongs to the later state: a version is active from its activate-at on, in grace from its successor's
 * activate-at on, and retired from 60 s after that.
 */
import { nextState, type LifeCycle } from '@cpns/core';

export const GROUP_KEY_VERSION_STATES = ['prepared', 'active', 'grace', 'retired'] as const;
export type VersionState = (typeof GROUP_KEY_VERSION_STATES)[number];

export const GROUP_KEY_VERSION_EVENTS = ['activate', 'supersede', 'grace-over', 'destroy'] as const;
export type VersionEvent = (typeof GROUP_KEY_VERSION_EVENTS)[number];

/** How long a version still opens once its successor became active, in milliseconds. */
export const GRACE_MS = 60_000;

/** One row per (state, event) that is allowed. What has no row cannot happen. */
export const GROUP_KEY_VERSION_LIFE_CYCLE: LifeCycle<VersionState, VersionEvent> = [
  { state: 'prepared', event: 'activate', next: 'active' },
  { state: 'active', event: 'supersede', next: 'grace' },
  { state: 'grace', event: 'grace-over', next: 'retired' },
  { state: 'prepared', event: 'destroy', next: 'retired' },
  { state: 'active', event: 'destroy', next: 'retired' },
  { state: 'grace', event: 'destroy', next: 'retired' },
];

/** The next state, or `undefined` where the life cycle has no row for it. */
export const nextVersionState = (state: VersionState, event: VersionEvent): VersionState | undefined =>
  nextState(GROUP_KEY_VERSION_LIFE_CYCLE, state, event);

/** When what happens to a version; all Unix milliseconds. */
export interface VersionTimes {
  readonly activateAt: number;
  /** activate-at of the next version, once there is one. */
  readonly successorActivateAt?: number | undefined;
  /** When the group was deleted. */
  readonly deletedAt?: number | undefined;
}

const eventsOf = ({ activateAt, successorActivateAt, deletedAt }: VersionTimes) => {
  // a successor that overtook its predecessor would leave out a state: the two then change hands at one time
  const supersededAt = Math.max(successorActivateAt ?? Infinity, activateAt);
  return [
    { event: 'destroy', at: deletedAt ?? Infinity },
    { event: 'activate', at: activateAt },
    { event: 'supersede', at: supersededAt },
    { event: 'grace-over', at: supersededAt + GRACE_MS },
  ] as const;
};

/** Where a version stands at `now` (Unix milliseconds). */
export function versionState(times: VersionTimes, now: number): VersionState {
  let state: VersionState = 'prepared';
  for (const { event, at } of eventsOf(times)) if (now >= at) state = nextVersionState(state, event) ?? state;
  return state;
}
