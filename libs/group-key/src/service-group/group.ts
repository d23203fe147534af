/**
 * The life of a Service Group (SMF-SRV), as data. A group and its Group Key come and go together: what SMF proposes holds
 * once CSKMF said that the key is ready (FLOW-PULL and FLOW-PUSH steps 1 to 6), and is taken back when CSKMF refuses.
 *
 * ```
 *   absent --create--> creating --ready--> live --delete--> deleting --gone--> deleted
 *      ^                  |                ^ | ^               |
 *      +-----refuse-------+          change+-+ +----refuse-----+
 * ```
 */
import { CpnsError, failedPrecondition, nextState, type LifeCycle } from '@cpns/core';

/** `absent`: never made, or refused when it was to be made, so that its id is free. `deleted` is for good. */
export const GROUP_STATES = ['absent', 'creating', 'live', 'deleting', 'deleted'] as const;
export type GroupState = (typeof GROUP_STATES)[number];

/** `create`, `change` and `delete` are proposed; `ready`, `gone` and `refuse` are what CSKMF says to it. */
export const GROUP_EVENTS = ['create', 'ready', 'change', 'delete', 'gone', 'refuse'] as const;
export type GroupEvent = (typeof GROUP_EVENTS)[number];

export const GROUP_LIFE_CYCLE: LifeCycle<GroupState, GroupEvent> = [
  { state: 'absent', event: 'create', next: 'creating' },
  { state: 'creating', event: 'ready', next: 'live' },
  { state: 'creating', event: 'refuse', next: 'absent' },
  { state: 'live', event: 'change', next: 'live' },
  { state: 'live', event: 'ready', next: 'live' },
  { state: 'live', event: 'refuse', next: 'live' },
  { state: 'live', event: 'delete', next: 'deleting' },
  { state: 'deleting', event: 'gone', next: 'deleted' },
  { state: 'deleting', event: 'refuse', next: 'live' },
];

/** What an event that has no row means to its caller. */
function refusal(state: GroupState, event: GroupEvent): CpnsError {
  if (event === 'create')
    return new CpnsError('ALREADY_EXISTS', 'a Service Group of this id exists or existed: choose another id');
  if (state === 'deleted')
    return failedPrecondition('GROUP_DELETED', 'the Service Group was deleted; its id is never used again');
  if (state === 'absent') return new CpnsError('NOT_FOUND', 'no Service Group of this id');
  return new CpnsError('CONFLICT', 'the Service Group is being made or deleted: try again');
}

/**
 * The state after an event.
 * @throws CpnsError ALREADY_EXISTS (create), GROUP_DELETED, NOT_FOUND, CONFLICT (another change is under way)
 */
export function advanceGroup(state: GroupState, event: GroupEvent): GroupState {
  const next = nextState(GROUP_LIFE_CYCLE, state, event);
  if (next === undefined) throw refusal(state, event);
  return next;
}
