/** GK-UPDATE-T and GK-UPDATE-M by an injected clock: when versions are made, become active, and retire. */
import type { GroupDescription as WireDescription } from '@cpns/contracts';
import { perTest } from '@cpns/core/testing';
import { DESCRIPTION_DEFAULTS, type GroupDescription } from '@cpns/group-key';
import fc from 'fast-check';
import { pne, World } from '../testing/world';
import type { GroupKeyVersion, KeyedGroupRecord, VersionCause } from './records';
import { activateAtOf, dueOf, periodAfter, versionForJoins } from './rotation';

const [A, B, C] = [pne('a'), pne('b'), pne('c')];
const DELAY = 10_000;
/** The shortest for that delay, so that it is not drawn any shorter. */
const PERIOD = 70_001;

/** What happens at a time, and how the versions stand then: prepared, active, in grace, retired. */
type Row = readonly [at: number, what: ((world: World) => Promise<unknown>) | undefined, states: string];

const TABLES: Record<string, readonly [description: Partial<WireDescription>, rows: readonly Row[]]> = {
  'no version by time where the group has no update period': [
    {},
    [
      [0, undefined, '1a'],
      [86_400_000, undefined, '1a'],
    ],
  ],
  'by time: made its delay before, active after the period, and so on': [
    { updatePeriod: BigInt(PERIOD) },
    [
      [0, undefined, '1a'],
      [60_000, undefined, '1a'],
      [60_001, undefined, '1a 2p'],
      [70_000, undefined, '1a 2p'],
      [70_001, undefined, '1g 2a'],
      [130_000, undefined, '1g 2a'],
      [130_001, undefined, '1r 2a'],
      [130_002, undefined, '1r 2a 3p'],
      [140_002, undefined, '1r 2g 3a'],
      // after a time in which no process ran: one version, as soon as the delay allows
      [900_000, undefined, '1r 2r 3a 4p'],
      [909_999, undefined, '1r 2r 3a 4p'],
      [910_000, undefined, '1r 2r 3g 4a'],
    ],
  ],
  'three prepared versions, and a removal in between, which discards them': [
    { updatePeriod: BigInt(PERIOD), preparedVersions: 3 },
    [
      [0, undefined, '1a 2p 3p'],
      [60_001, undefined, '1a 2p 3p 4p'],
      [65_000, (world) => world.server.update(2n, [], [B]), '1g 2g 3g 4g 5a 6p 7p'],
      // when those would have become active
      [71_000, undefined, '1g 2g 3g 4g 5a 6p 7p'],
      [124_999, undefined, '1g 2g 3g 4g 5a 6p 7p'],
      [125_000, undefined, '1r 2r 3r 4r 5a 6p 7p'],
      [125_001, undefined, '1r 2r 3r 4r 5a 6p 7p 8p'],
      [135_001, undefined, '1r 2r 3r 4r 5g 6a 7p 8p'],
      [195_002, undefined, '1r 2r 3r 4r 5r 6a 7p 8p 9p'],
    ],
  ],
  'a join discards what is prepared for later, and leaves the one in use until its own delay is over': [
    { updatePeriod: BigInt(PERIOD), preparedVersions: 2 },
    [
      [0, undefined, '1a 2p'],
      [5_000, (world) => world.server.update(2n, [C], []), '1a 2p 3p 4p'],
      [15_000, undefined, '1g 2g 3a 4p'],
      [75_000, undefined, '1r 2r 3a 4p'],
    ],
  ],
  'an emergency retires all that was before it': [
    { updatePeriod: BigInt(PERIOD), preparedVersions: 2 },
    [
      [0, undefined, '1a 2p'],
      [5_000, (world) => world.server.rotate({ emergency: true }), '1r 2r 3a 4p'],
    ],
  ],
  'other settings count from the next version on': [
    {},
    [
      [0, undefined, '1a'],
      [50_000, (world) => world.server.describe(2n, { updatePeriod: BigInt(PERIOD) }), '1a'],
      [60_001, undefined, '1a 2p'],
      [65_000, (world) => world.server.describe(3n, {}), '1a 2p'],
      [900_000, undefined, '1r 2a'],
    ],
  ],
  'nothing is made for a group that was deleted': [
    { updatePeriod: BigInt(PERIOD) },
    [
      [0, undefined, '1a'],
      [50_000, (world) => world.server.delete(), '1r'],
      [900_000, undefined, '1r'],
    ],
  ],
};

describe('the versions of a group, as time goes on', () => {
  const world = perTest(new World({ entities: [A, B, C], activationDelay: DELAY }));

  test.each(Object.entries(TABLES))('%s', async (_what, [description, rows]) => {
    const beganAt = world.clock.now();
    await world.server.create([A, B], description);
    const seen: unknown[] = [];
    for (const [at, what] of rows) {
      world.clock.advance(beganAt + at - world.clock.now());
      await what?.(world);
      await world.server.round();
      seen.push([at, await world.server.states()]);
    }
    expect(seen).toEqual(rows.map(([at, , states]) => [at, states]));
    // the KMC has the material of those that open still, and of no others
    const states = (rows.at(-1)?.[2] ?? '').split(' ');
    const has = states.map((_state, index) => world.kmc.material('g', BigInt(index + 1)) !== undefined);
    expect(has).toEqual(states.map((state) => !state.endsWith('r')));
  });

  it('renews the bound of the version in use also while a later one is prepared', async () => {
    await world.server.create([A], { updatePeriod: BigInt(PERIOD * 100), preparedVersions: 2 });
    await world.server.round();
    expect(await world.server.states()).toBe('1a 2p');
    world.clock.advance(400_000);
    const stated = async (version: bigint) => (await world.server.pull(A, version))?.statement;
    expect(Number((await stated(1n))?.sealUntil)).toBe(world.clock.now() + 600_000);
    const ahead = await stated(2n);
    expect(Number(ahead?.sealUntil)).toBe(Number(ahead?.activateAt) + 600_000);
  });
});

const NOW = 1_000_000;
const times = { serverDelay: DELAY, now: NOW };
const description: GroupDescription = {
  groupId: 'g',
  displayName: '',
  delivery: 'push',
  sealPeriod: 60_000,
  updatePeriod: PERIOD,
  maxMembers: 10,
  openToJoin: false,
  ...DESCRIPTION_DEFAULTS,
};
const version = (number: number, activateAt: number, change: Partial<GroupKeyVersion> = {}): GroupKeyVersion => ({
  version: BigInt(number),
  previous: BigInt(number - 1),
  activateAt,
  sealUntil: activateAt + 60_000,
  commitment: Buffer.alloc(32),
  ...change,
});

test.each<[VersionCause, boolean, number | undefined, number]>([
  ['create', false, undefined, NOW],
  ['leave', false, NOW - 5, NOW],
  ['leave', false, NOW + 5, NOW],
  ['leave', true, NOW - 5, NOW - 120_000],
  ['join', false, NOW - 5, NOW + DELAY],
  ['join', true, NOW - 5, NOW - 120_000],
  ['hand', false, NOW - 5, NOW + DELAY],
  ['hand', true, NOW - 5, NOW - 120_000],
  ['time', false, NOW - PERIOD - 5, NOW + DELAY],
  ['time', false, NOW - PERIOD + DELAY + 5, NOW + DELAY + 5],
  ['time', false, NOW + 5, NOW + PERIOD + 5],
])('a version for %s, emergency %s, after one that is active from %p on', (cause, emergency, last, expected) => {
  const before = last === undefined ? undefined : version(1, last);
  expect(activateAtOf({ cause, ...(emergency && { emergency }) }, description, before, times)).toBe(expected);
});

test('a group names its own delay', () => {
  const own = { ...description, activationDelay: 1_000 };
  expect(activateAtOf({ cause: 'join' }, own, version(1, 0), times)).toBe(NOW + 1_000);
});

test('the period is drawn: a tenth shorter at most, never below the least one, and always the same', () => {
  const drawn = fc.record({
    groupId: fc.stringMatching(/^[a-z]{1,8}$/),
    updatePeriod: fc.integer({ min: PERIOD, max: 100 * PERIOD }),
  });
  fc.assert(
    fc.property(drawn, fc.bigInt({ min: 1n, max: 1_000n }), (change, number) => {
      const period = periodAfter({ ...description, ...change }, number, DELAY);
      expect(period).toBe(periodAfter({ ...description, ...change }, number, DELAY));
      expect(period).toBeGreaterThanOrEqual(Math.max(PERIOD, Math.floor(change.updatePeriod * 0.9)));
      expect(period).toBeLessThanOrEqual(change.updatePeriod);
    }),
  );
  const long = { ...description, updatePeriod: 100 * PERIOD };
  const periods = Array.from({ length: 100 }, (_, n) => periodAfter(long, BigInt(n + 1), DELAY));
  expect(new Set(periods).size).toBeGreaterThan(90);
});

const groupOf = (change: Partial<GroupDescription>, versions: readonly GroupKeyVersion[]): KeyedGroupRecord => ({
  description: { ...description, ...change },
  membershipRevision: 1n,
  changeDigest: Buffer.alloc(32),
  newest: versions.at(-1)!.version,
  versions,
});

test('never are more versions ahead than the group may have', () => {
  const settings = fc.record({ preparedVersions: fc.integer({ min: 0, max: 8 }), updatePeriod: fc.nat(10 * PERIOD) });
  fc.assert(
    fc.property(settings, fc.array(fc.nat(PERIOD), { maxLength: 30 }), (change, steps) => {
      const own = { ...change, delivery: 'pull' as const, updatePeriod: PERIOD + change.updatePeriod };
      let group = groupOf(own, [version(1, NOW)]);
      let now = NOW;
      for (const step of steps) {
        now += step;
        while (dueOf(group, { serverDelay: DELAY, now }).prepareAt <= now) {
          const last = group.versions.at(-1)!;
          const at = activateAtOf({ cause: 'time' }, group.description, last, { serverDelay: DELAY, now });
          expect(at).toBeGreaterThan(last.activateAt);
          group = groupOf(own, [...group.versions, version(group.versions.length + 1, at)]);
        }
        const ahead = group.versions.filter(({ activateAt }) => activateAt > now);
        expect(ahead.length).toBeLessThanOrEqual(Math.max(change.preparedVersions, 1));
      }
    }),
  );
});

const made = { madeAt: NOW - 1_000, cause: 'join' } as const;
test.each<[string, Partial<GroupDescription>, readonly GroupKeyVersion[], bigint | undefined]>([
  ['a new one', {}, [version(1, 0)], undefined],
  ['a new one, also while one is prepared', {}, [version(1, 0), version(2, NOW + 1, made)], undefined],
  ['one made within the window', { joinWindow: 1_000 }, [version(1, 0), version(2, NOW + 1, made)], 2n],
  ['one made by time', { joinWindow: 1_000 }, [version(1, 0), version(2, NOW + 1, { ...made, cause: 'time' })], 2n],
  ['a new one after the window', { joinWindow: 999 }, [version(1, 0), version(2, NOW + 1, made)], undefined],
  ['a new one once that is in use', { joinWindow: 1_000 }, [version(1, 0), version(2, NOW, made)], undefined],
  ['a new one after one by hand', { joinWindow: 1_000 }, [version(2, NOW + 1, { ...made, cause: 'hand' })], undefined],
  ['a new one after one of an older release', { joinWindow: 1_000 }, [version(2, NOW + 1)], undefined],
  ['the one in use', { joinKeepsVersion: true }, [version(1, 0), version(2, NOW)], 2n],
  ['the one in use, not a prepared one', { joinKeepsVersion: true }, [version(1, 0), version(2, NOW + 1, made)], 1n],
  [
    'never one before a leave, by whatever clock',
    { joinKeepsVersion: true },
    [version(1, 0), version(2, NOW + 1, { ...made, cause: 'leave' })],
    2n,
  ],
])('who joins gets %s', (_what, change, versions, expected) => {
  expect(versionForJoins(groupOf(change, versions), NOW)).toBe(expected);
});
