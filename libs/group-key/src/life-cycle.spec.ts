import fc from 'fast-check';
import {
  GRACE_MS,
  GROUP_KEY_VERSION_EVENTS,
  GROUP_KEY_VERSION_LIFE_CYCLE,
  GROUP_KEY_VERSION_STATES,
  nextVersionState,
  type Statement,
  stateAmong,
  supersededAt,
  versionState,
  type VersionTimes,
} from './statement';

describe('the life cycle of a version', () => {
  const allowed = [
    'prepared activate active',
    'prepared supersede grace',
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
    ['a moment before it is superseded', { activateAt: at, supersededAt: next }, next - 1, 'active'],
    ['when it is superseded', { activateAt: at, supersededAt: next }, next, 'grace'],
    ['59.999 s later', { activateAt: at, supersededAt: next }, next + GRACE_MS - 1, 'grace'],
    ['60 s later', { activateAt: at, supersededAt: next }, next + GRACE_MS, 'retired'],
    ['a moment before it is discarded', { activateAt: next, supersededAt: at }, at - 1, 'prepared'],
    ['when it is discarded', { activateAt: next, supersededAt: at }, at, 'grace'],
    ['discarded, at its own activate-at', { activateAt: at + 9, supersededAt: at }, at + 9, 'grace'],
    ['discarded, 59.999 s later', { activateAt: next, supersededAt: at }, at + GRACE_MS - 1, 'grace'],
    ['discarded, 60 s later', { activateAt: next, supersededAt: at }, at + GRACE_MS, 'retired'],
    ['discarded, long after its own activate-at', { activateAt: next, supersededAt: at }, next + 1, 'retired'],
    ['superseded as it becomes active', { activateAt: at, supersededAt: at }, at, 'grace'],
    ['deleted while prepared', { activateAt: at, deletedAt: at - 5 }, at - 5, 'retired'],
    ['deleted before, and its activate-at comes', { activateAt: at, deletedAt: at - 5 }, at, 'retired'],
    ['deleted while active', { activateAt: at, deletedAt: at + 5 }, at + 5, 'retired'],
    ['deleted later', { activateAt: at, deletedAt: at + 5 }, at + 4, 'active'],
    ['deleted in grace', { activateAt: at, supersededAt: next, deletedAt: next + 1 }, next + 1, 'retired'],
  ])('%s', (_what, times, now, state) => {
    expect(versionState(times, now)).toBe(state);
  });

  it('takes nothing but transitions of the table while time goes on, and never goes back', () => {
    const time = fc.integer({ min: 0, max: 200 }).map((n) => n * 1_000);
    const times = fc.record(
      { activateAt: time, supersededAt: time, deletedAt: time },
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

describe('versions of one group by the clock', () => {
  const now = 10_000_000;
  const delay = 20_000;
  const emergency = now - 2 * GRACE_MS;
  /** Version 1, 2, 3, ... by their activate-at. */
  const group = (...times: number[]) =>
    times.map((activateAt, i): Pick<Statement, 'version' | 'activateAt'> => ({ version: BigInt(i + 1), activateAt }));
  const statesAt = (times: number[], moment: number) =>
    group(...times).map((one, _i, all) => stateAmong(one, all, moment));

  const prepared = [now - 500_000, now + delay, now + 2 * delay];
  it.each<[string, number[], number, string[]]>([
    ['prepared ones wait', prepared, now, ['active', 'prepared', 'prepared']],
    ['the first becomes active', prepared, now + delay, ['grace', 'active', 'prepared']],
    ['the second becomes active', prepared, now + 2 * delay, ['grace', 'grace', 'active']],
    [
      'a moment before the grace of the oldest is over',
      prepared,
      now + delay + GRACE_MS - 1,
      ['grace', 'grace', 'active'],
    ],
    ['the grace of the oldest is over', prepared, now + delay + GRACE_MS, ['retired', 'grace', 'active']],
    ['the last stays alone', prepared, now + 2 * delay + GRACE_MS, ['retired', 'retired', 'active']],
    [
      'a removal is made, seen by a clock behind',
      [...prepared, now],
      now - 1,
      ['active', 'prepared', 'prepared', 'prepared'],
    ],
    ['a removal discards what was prepared', [...prepared, now], now, ['grace', 'grace', 'grace', 'active']],
    ['none of them comes into use', [...prepared, now], now + 2 * delay, ['grace', 'grace', 'grace', 'active']],
    ['before their minute is over', [...prepared, now], now + GRACE_MS - 1, ['grace', 'grace', 'grace', 'active']],
    ['all of them go at once', [...prepared, now], now + GRACE_MS, ['retired', 'retired', 'retired', 'active']],
    [
      'one is prepared after the removal',
      [...prepared, now, now + delay],
      now,
      ['grace', 'grace', 'grace', 'active', 'prepared'],
    ],
    ['an emergency ends all below it', [...prepared, emergency], now, ['retired', 'retired', 'retired', 'active']],
    [
      'and what is made after it lives',
      [...prepared, emergency, now + delay],
      now,
      ['retired', 'retired', 'retired', 'active', 'prepared'],
    ],
    ['an emergency right after a removal', [now - 500_000, now, emergency], now, ['retired', 'retired', 'active']],
    ['a removal right after an emergency', [now - 500_000, emergency, now], now, ['retired', 'grace', 'active']],
    ['two emergencies', [now - 500_000, emergency, emergency + 1], now, ['retired', 'retired', 'active']],
  ])('%s', (_what, times, moment, states) => {
    expect(statesAt(times, moment)).toEqual(states);
  });

  it('is superseded by the earliest of all above it, in whatever order they are known', () => {
    const known = group(5, 900, 300, 700);
    expect(known.map(({ version }) => supersededAt(version, known))).toEqual([300, 300, 700, Infinity]);
    expect(known.map(({ version }) => supersededAt(version, [...known].reverse()))).toEqual([300, 300, 700, Infinity]);
  });

  it('retires lower versions no later than higher ones (property)', () => {
    const times = fc.array(
      fc.nat({ max: 300 }).map((n) => n * 1_000),
      { minLength: 1, maxLength: 8 },
    );
    fc.assert(
      fc.property(times, fc.nat({ max: 400_000 }), (activateAts, moment) => {
        const isRetired = statesAt(activateAts, moment).map((state) => state === 'retired');
        expect(isRetired).toEqual([...isRetired].sort((a, b) => Number(b) - Number(a)));
        expect(isRetired.at(-1)).toBe(false);
      }),
    );
  });
});
