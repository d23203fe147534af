import { outcomeOf } from '@cpns/core/testing';
import {
  advanceGroup,
  GROUP_EVENTS,
  GROUP_LIFE_CYCLE,
  GROUP_STATES,
  type GroupEvent,
  type GroupState,
} from './membership';

describe('the life cycle of a Service Group', () => {
  it.each<[GroupEvent, Record<GroupState, string>]>([
    [
      'create',
      {
        absent: 'creating',
        creating: 'ALREADY_EXISTS',
        live: 'ALREADY_EXISTS',
        deleting: 'ALREADY_EXISTS',
        deleted: 'ALREADY_EXISTS',
      },
    ],
    [
      'change',
      { absent: 'NOT_FOUND', creating: 'CONFLICT', live: 'live', deleting: 'CONFLICT', deleted: 'GROUP_DELETED' },
    ],
    [
      'delete',
      { absent: 'NOT_FOUND', creating: 'CONFLICT', live: 'deleting', deleting: 'CONFLICT', deleted: 'GROUP_DELETED' },
    ],
    ['ready', { absent: 'NOT_FOUND', creating: 'live', live: 'live', deleting: 'CONFLICT', deleted: 'GROUP_DELETED' }],
    [
      'gone',
      { absent: 'NOT_FOUND', creating: 'CONFLICT', live: 'CONFLICT', deleting: 'deleted', deleted: 'GROUP_DELETED' },
    ],
    ['refuse', { absent: 'NOT_FOUND', creating: 'absent', live: 'live', deleting: 'live', deleted: 'GROUP_DELETED' }],
  ])('%s', (event, expected) => {
    expect(
      Object.fromEntries(GROUP_STATES.map((state) => [state, outcomeOf(() => advanceGroup(state, event))])),
    ).toEqual(expected);
  });

  it('has one row at most for a state and an event, and none out of deleted', () => {
    const rows = GROUP_LIFE_CYCLE.map(({ state, event }) => `${state} ${event}`);
    expect(new Set(rows).size).toBe(rows.length);
    expect(
      GROUP_EVENTS.filter((event) =>
        GROUP_STATES.includes(outcomeOf(() => advanceGroup('deleted', event)) as GroupState),
      ),
    ).toEqual([]);
  });
});
