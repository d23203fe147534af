/**
 * A process that dies before or after each of its commits, or loses the KMC's answer, in the middle of each change: the
 * same call at another process completes it, with no number given twice and nothing half made.
 */
import { outcomeOf } from '@cpns/platform/testing';
import { openStore, type Store } from '@cpns/store';
import { deathsAt, failingStore, startRedis, temporaryStore, type RunningRedis } from '@cpns/store/testing';
import { GW, GW2, pne, PUSH, World, type CskmfProcess } from '../testing/world';

const [A, B, C] = [pne('a'), pne('b'), pne('c', 'pn2')];

type ChangeName = 'create' | 'update' | 'delete';

/** The change under test, in a group that is as it must be before it. */
const CHANGES: Record<ChangeName, (server: CskmfProcess) => Promise<unknown>> = {
  create: (server) => server.create([A, C], PUSH),
  update: (server) => server.update(2n, [B], [A]),
  delete: (server) => server.delete(),
};
const BEFORE: Record<ChangeName, readonly ChangeName[]> = {
  create: [],
  update: ['create'],
  delete: ['create', 'update'],
};
const COMMITS: Record<ChangeName, number> = { create: 3, update: 3, delete: 2 };

async function prepared(store: Store, name: ChangeName): Promise<World> {
  const world = new World({ entities: [A, B, C], gateways: [GW, GW2] });
  await world.open(store);
  for (const before of BEFORE[name]) await CHANGES[before](await world.process());
  await (await world.process()).push();
  return world;
}

/** What each entity may pull, by version. */
async function given(world: World, entity: string, through: string): Promise<unknown[]> {
  const server = await world.process();
  const newest = world.kmc.made('g');
  const seen: unknown[] = [];
  for (let version = 1n; version <= newest; version++) {
    const pull = server.pull(entity, version, through);
    const reason = await outcomeOf(pull);
    if (reason === 'accepted') {
      const { groupKey } = world.receive(entity, await pull);
      expect(groupKey.expose()).toEqual(world.kmc.material('g', version));
    }
    seen.push(reason);
  }
  return seen;
}

const NOT_GIVEN = 'PERMISSION_DENIED/VERSION_NOT_GIVEN';
const STRANGER = 'PERMISSION_DENIED/NOT_A_MEMBER';
const GONE = 'FAILED_PRECONDITION/GROUP_DELETED';
const OK = 'accepted';

/** What is true once the change is done, whatever happened on the way. */
async function expectDone(world: World, name: ChangeName): Promise<void> {
  await (await world.process()).push();
  const deliveries = await world.delivered(GW);
  const toOther = await world.delivered(GW2);
  const versions = (all: typeof deliveries) => all.map(({ statement }) => statement?.version);
  const status = await (await world.process()).status();
  expect((await world.store.readLog({ kind: 'group', id: 'g' }, 'outbox', 0n, 10)).entries).toEqual([]);
  switch (name) {
    case 'create':
      expect(world.kmc.made('g')).toBe(1n);
      expect([await given(world, A, GW), await given(world, B, GW), await given(world, C, GW2)]).toEqual([
        [OK],
        [STRANGER],
        [OK],
      ]);
      expect([versions(deliveries), versions(toOther)]).toEqual([[1n], [1n]]);
      break;
    case 'update':
      expect(world.kmc.made('g')).toBe(2n);
      expect([await given(world, A, GW), await given(world, B, GW), await given(world, C, GW2)]).toEqual([
        [OK, NOT_GIVEN],
        [NOT_GIVEN, OK],
        [OK, OK],
      ]);
      expect([versions(deliveries), versions(toOther)]).toEqual([[2n], [2n]]);
      expect(world.receive(B, deliveries.at(-1)).version).toBe(2n);
      expect(deliveries.at(-1)?.envelopes.map(({ entity }) => entity)).toEqual([B]);
      break;
    case 'delete':
      expect(await given(world, C, GW2)).toEqual([GONE, GONE]);
      expect([world.kmc.material('g', 1n), world.kmc.material('g', 2n), status.deleted]).toEqual([
        undefined,
        undefined,
        true,
      ]);
      expect([versions(deliveries), versions(toOther)]).toEqual([[3n], [3n]]);
      expect(deliveries.at(-1)?.statement?.commitment).toHaveLength(0);
  }
  expect(status.versions).toHaveLength(name === 'create' ? 1 : 2);
}

function cases(makeStore: () => Promise<{ store: Store; dispose: () => Promise<void> }>): void {
  let store: Store;
  let dispose: () => Promise<void>;
  beforeEach(async () => ({ store, dispose } = await makeStore()));
  afterEach(() => dispose());

  describe.each(['create', 'update', 'delete'] as const)('%s', (name) => {
    it(`commits ${COMMITS[name]} times when no process dies`, async () => {
      const world = await prepared(store, name);
      const server = await world.process();
      const commits = jest.spyOn(store, 'commit');
      await CHANGES[name](server);
      expect(commits).toHaveBeenCalledTimes(COMMITS[name]);
      commits.mockRestore();
      await expectDone(world, name);
    });

    it.each(deathsAt(COMMITS[name]))('dies $when commit $at, and is asked again', async (failure) => {
      const world = await prepared(store, name);
      const dying = await world.process(failingStore(store, failure));
      expect(await outcomeOf(CHANGES[name](dying))).toBe('UNAVAILABLE/DEPENDENCY_UNAVAILABLE');
      await CHANGES[name](await world.process());
      await expectDone(world, name);
    });

    it.each(['before', 'after'] as const)('loses the KMC %s its answer, and is asked again', async (when) => {
      const world = await prepared(store, name);
      const call = { create: 'createKey', update: 'createKeyVersion', delete: 'destroyKey' } as const;
      world.kmc.breakNext(call[name], when);
      const server = await world.process();
      expect(await outcomeOf(CHANGES[name](server))).toBe('UNAVAILABLE/DEPENDENCY_UNAVAILABLE');
      await CHANGES[name](server);
      await expectDone(world, name);
    });
  });

  it.each(deathsAt(COMMITS.update))(
    'another change finishes one that died $when commit $at, or finds it undone',
    async (failure) => {
      const world = await prepared(store, 'update');
      await outcomeOf(CHANGES.update(await world.process(failingStore(store, failure))));
      const undone = failure.at === 1 && failure.when === 'before';
      await (await world.process()).update(undone ? 2n : 3n, [], [C]);
      expect(world.kmc.made('g')).toBe(undone ? 2n : 3n);
      expect(await given(world, C, GW2)).toEqual(undone ? [OK, NOT_GIVEN] : [OK, OK, NOT_GIVEN]);
      expect(await given(world, B, GW)).toEqual(undone ? [STRANGER, STRANGER] : [NOT_GIVEN, OK, OK]);
    },
  );

  it.each(['before', 'after'] as const)('the relay dies %s each of its commits, and goes on', async (when) => {
    for (let at = 1; at <= 3; at++) {
      const groupId = `g${at}`;
      const world = new World({ entities: [A, B, C], gateways: [GW, GW2] });
      await world.open(store);
      await (await world.process()).create([A, C], { ...PUSH, groupId });
      const dying = await world.process(failingStore(store, { at, when }));
      expect(await outcomeOf(dying.push(groupId))).toBe('UNAVAILABLE/DEPENDENCY_UNAVAILABLE');
      await (await world.process()).push(groupId);
      for (const to of [GW, GW2]) {
        const mine = (await world.delivered(to)).filter(({ statement }) => statement?.groupId === groupId);
        expect(mine).toHaveLength(1);
      }
    }
  });

  it('two processes make the same change at once: it is made once', async () => {
    const world = await prepared(store, 'update');
    const [one, two] = await Promise.all([world.process(), world.process()]);
    await Promise.all([one, two, one, two].map((server) => CHANGES.update(server)));
    await Promise.all([one, two].map((server) => server.push()));
    await expectDone(world, 'update');
  });

  it('two processes make different changes at once: one is made, the other refused', async () => {
    const world = await prepared(store, 'update');
    for (let revision = 2n; revision < 10n; revision++) {
      const [one, two] = await Promise.all([world.process(), world.process()]);
      const change = (server: CskmfProcess, joined: string[]) => outcomeOf(server.update(revision, joined, []));
      const outcomes = await Promise.all([change(one, [B]), change(two, [A]), change(one, [A]), change(two, [B])]);
      const made = outcomes.filter((outcome) => outcome === OK);
      expect(new Set(outcomes)).toEqual(new Set([OK, 'ABORTED/CONFLICT']));
      expect(made).toHaveLength(2);
      expect(world.kmc.made('g')).toBe(revision);
    }
    const { versions } = await (await world.process()).status();
    expect(versions.map(({ version }) => version)).toEqual([1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n]);
  });
}

describe('on the embedded store', () => {
  cases(temporaryStore);
});

describe('on Redis', () => {
  let redis: RunningRedis;
  beforeAll(async () => (redis = await startRedis()));
  afterAll(() => redis.stop());
  let count = 0;
  cases(async () => {
    const separator = redis.url.includes('?') ? '&' : '?';
    const url = redis.url.includes('prefix=')
      ? `${redis.url}${++count}:`
      : `${redis.url}${separator}prefix=t${++count}:`;
    const store = await openStore(url);
    return { store, dispose: () => store.close() };
  });
});
