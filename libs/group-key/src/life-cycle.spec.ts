import fc from 'fast-check';
import {
  GRACE_MS,
  GROUP_KEY_VERSION_EVENTS,
  GROUP_KEY_VERSION_LIFE_CYCLE,
  GROUP_KEY_VERSION_STATES,
  nextVersionState,
  versionState,
  type VersionTimes,
} from './statement';

describe('the life cycle of a version', () => {
  const allowed = [
    'prepared activate active',
    'active supersede grace',
    'grace grace-over retired',
    'prepared destroy retired',
    'active destroy retired',
    'grace destroy retired',
  ];
  const all = GROUP_KEY_VERSION_STATES.flatMap((state) => GROUP_KEY_VERSION_EVENTS.map((event) => ({ state, event })));

  it('is these transitions, and no other', () => {
    const rows = all.flatMap(({ state, event }) => {
      const next = nextVersionState(state, event);
      return next === undefined ? [] : [`${state} ${event} ${next}`];
    });
    expect(rows.sort()).toEqual([...allowed].sort());
    expect(GROUP_KEY_VERSION_LIFE_CYCLE).toHaveLength(allowed.length);
  });

  it.each(GROUP_KEY_VERSION_EVENTS)('ends with retired: %s changes nothing any more', (event) => {
    expect(nextVersionState('retired', event)).toBeUndefined();
  });
});

describe('the state of a version by the clock', () => {
  const at = 1_000_000;
  const next = at + 500_000;

  it.each<[string, VersionTimes, number, string]>([
    ['a moment before its activate-at', { activateAt: at }, at - 1, 'prepared'],
    ['at its activate-at', { activateAt: at }, at, 'active'],
    ['without a successor, much later', { activateAt: at }, at + 1e12, 'active'],
    ['a moment before its successor', { activateAt: at, successorActivateAt: next }, next - 1, 'active'],
    ['at its successor’s activate-at', { activateAt: at, successorActivateAt: next }, next, 'grace'],
    ['59.999 s later', { activateAt: at, successorActivateAt: next }, next + GRACE_MS - 1, 'grace'],
    ['60 s later', { activateAt: at, successorActivateAt: next }, next + GRACE_MS, 'retired'],
    ['a successor that overtakes it, before both', { activateAt: at, successorActivateAt: at - 9 }, at - 1, 'prepared'],
    ['a successor that overtakes it, at its own time', { activateAt: at, successorActivateAt: at - 9 }, at, 'grace'],
    ['deleted while prepared', { activateAt: at, deletedAt: at - 5 }, at - 5, 'retired'],
    ['deleted before, and its activate-at comes', { activateAt: at, deletedAt: at - 5 }, at, 'retired'],
    ['deleted while active', { activateAt: at, deletedAt: at + 5 }, at + 5, 'retired'],
    ['deleted later', { activateAt: at, deletedAt: at + 5 }, at + 4, 'active'],
    ['deleted in grace', { activateAt: at, successorActivateAt: next, deletedAt: next + 1 }, next + 1, 'retired'],
  ])('%s', (_what, times, now, state) => {
    expect(versionState(times, now)).toBe(state);
  });

  it('takes nothing but transitions of the table while time goes on, and never goes back', () => {
    const time = fc.integer({ min: 0, max: 200 }).map((n) => n * 1_000);
    const times = fc.record(
      { activateAt: time, successorActivateAt: time, deletedAt: time },
      { requiredKeys: ['activateAt'] },
    );
    const moment = fc.array(time, { minLength: 2 }).map((list) => [...list].sort((a, b) => a - b));
    const reachable = (from: string): string[] => [
      from,
      ...GROUP_KEY_VERSION_LIFE_CYCLE.filter((row) => row.state === from).flatMap(({ next: to }) => reachable(to)),
    ];
    fc.assert(
      fc.property(times, moment, (given, moments) => {
        const states = moments.map((now) => versionState(given, now));
        states.slice(1).forEach((state, i) => expect(reachable(states[i]!)).toContain(state));
      }),
    );
  });
});
