/**
 * A process that dies before or after each of its commits, or loses the KMC's answer, in the middle of each change: the
 * same call at another process completes it, with no number given twice and nothing half made.
 */
import { parseEntityUri } from '@cpns/core';
import { openStore, type Store } from '@cpns/store';
import { failingStore, startRedis, temporaryStore, type Failure, type RunningRedis } from '@cpns/store/testing';
import { gateway, pne, reasonOf, SMF, World, type CskmfProcess } from '../testing/world';

const [A, B, C] = [pne('a'), pne('b'), pne('c', 'pn2')];
const GW = gateway();
const GW2 = gateway('gw', 'pn2');

type ChangeName = 'create' | 'update' | 'delete';

/** The change under test, in a group that is as it must be before it. */
const CHANGES: Record<ChangeName, (server: CskmfProcess, world: World) => Promise<unknown>> = {
  create: (server, world) =>
    server.keys.create({ description: world.push('g'), members: [A, C], membershipRevision: 1n }, SMF),
  update: (server) => server.keys.update({ groupId: 'g', membershipRevision: 2n, joined: [B], left: [A] }, SMF),
  delete: (server) => server.keys.delete({ groupId: 'g' }, SMF),
};
const BEFORE: Record<ChangeName, readonly ChangeName[]> = {
  create: [],
  update: ['create'],
  delete: ['create', 'update'],
};
const COMMITS: Record<ChangeName, number> = { create: 3, update: 3, delete: 2 };

async function prepared(store: Store, name: ChangeName): Promise<World> {
  const world = await World.make(store);
  await world.register(A, B, C);
  await world.enrol(GW);
  await world.enrol(GW2);
  for (const before of BEFORE[name]) await CHANGES[before](await world.process(), world);
  await (await world.process()).push('g');
  return world;
}

/** What each entity may pull, by version. */
async function given(world: World, entity: string, through: string): Promise<unknown[]> {
  const server = await world.process();
  const newest = world.kmc.made('g');
  const seen: unknown[] = [];
  for (let version = 1n; version <= newest; version++) {
    const pull = server.pull.execute({ groupId: 'g', version, entity }, parseEntityUri(through));
    const reason = await reasonOf(pull);
    if (reason === 'accepted') {
      const { groupKey } = world.open(entity, (await pull).delivery);
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
  await (await world.process()).push('g');
  const deliveries = await world.delivered(GW);
  const toOther = await world.delivered(GW2);
  const versions = (all: typeof deliveries) => all.map(({ entry }) => entry.statement?.version);
  const status = await (await world.process()).keys.status({ groupId: 'g' });
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
      expect([versions(deliveries), versions(toOther)]).toEqual([[1n, 2n], [1n, 2n]]); // prettier-ignore
      expect(world.open(B, deliveries.at(-1)?.entry).version).toBe(2n);
      expect(deliveries.at(-1)?.entry.envelopes.map(({ entity }) => entity)).toEqual([B]);
      break;
    case 'delete':
      expect(await given(world, C, GW2)).toEqual([GONE, GONE]);
      expect([world.kmc.material('g', 1n), world.kmc.material('g', 2n), status.deleted]).toEqual([
        undefined,
        undefined,
        true,
      ]);
      expect([versions(deliveries), versions(toOther)]).toEqual([[1n, 2n, 3n], [1n, 2n, 3n]]); // prettier-ignore
      expect(deliveries.at(-1)?.entry.statement?.commitment).toHaveLength(0);
  }
  expect(status.versions).toHaveLength(name === 'create' ? 1 : 2);
}

const failures = (name: ChangeName): Failure[] =>
  Array.from({ length: COMMITS[name] }, (_, index) => index + 1).flatMap((at): Failure[] => [
    { at, when: 'before' },
    { at, when: 'after' },
  ]);

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
      await CHANGES[name](server, world);
      expect(commits).toHaveBeenCalledTimes(COMMITS[name]);
      commits.mockRestore();
      await expectDone(world, name);
    });

    it.each(failures(name))('dies $when commit $at, and is asked again', async (failure) => {
      const world = await prepared(store, name);
      const dying = await world.process(failingStore(store, failure));
      expect(await reasonOf(CHANGES[name](dying, world))).toBe('UNAVAILABLE/DEPENDENCY_UNAVAILABLE');
      await CHANGES[name](await world.process(), world);
      await expectDone(world, name);
    });

    it.each(['before', 'after'] as const)('loses the KMC %s its answer, and is asked again', async (when) => {
      const world = await prepared(store, name);
      const call = { create: 'createKey', update: 'createKeyVersion', delete: 'destroyKey' } as const;
      world.kmc.breakNext(call[name], when);
      const server = await world.process();
      expect(await reasonOf(CHANGES[name](server, world))).toBe('UNAVAILABLE/DEPENDENCY_UNAVAILABLE');
      await CHANGES[name](server, world);
      await expectDone(world, name);
    });
  });

  it.each(failures('update'))(
    'another change finishes one that died $when commit $at, or finds it undone',
    async (failure) => {
      const world = await prepared(store, 'update');
      await reasonOf(CHANGES.update(await world.process(failingStore(store, failure)), world));
      const undone = failure.at === 1 && failure.when === 'before';
      const other = { groupId: 'g', membershipRevision: undone ? 2n : 3n, joined: [], left: [C] };
      await (await world.process()).keys.update(other, SMF);
      expect(world.kmc.made('g')).toBe(undone ? 2n : 3n);
      expect(await given(world, C, GW2)).toEqual(undone ? [OK, NOT_GIVEN] : [OK, OK, NOT_GIVEN]);
      expect(await given(world, B, GW)).toEqual(undone ? [STRANGER, STRANGER] : [NOT_GIVEN, OK, OK]);
    },
  );

  it.each(['before', 'after'] as const)('the relay dies %s each of its commits, and goes on', async (when) => {
    for (let at = 1; at <= 3; at++) {
      const groupId = `g${at}`;
      const world = await World.make(store);
      await world.register(A, B, C);
      await world.enrol(GW);
      await world.enrol(GW2);
      const request = { description: world.push(groupId), members: [A, C], membershipRevision: 1n };
      await (await world.process()).keys.create(request, SMF);
      const dying = await world.process(failingStore(store, { at, when }));
      expect(await reasonOf(dying.push(groupId))).toBe('UNAVAILABLE/DEPENDENCY_UNAVAILABLE');
      await (await world.process()).push(groupId);
      for (const to of [GW, GW2]) {
        const mine = (await world.delivered(to)).filter(({ entry }) => entry.statement?.groupId === groupId);
        expect(mine).toHaveLength(1);
      }
    }
  });

  it('two processes make the same change at once: it is made once', async () => {
    const world = await prepared(store, 'update');
    const [one, two] = await Promise.all([world.process(), world.process()]);
    await Promise.all([one, two, one, two].map((server) => CHANGES.update(server, world)));
    await Promise.all([one, two].map((server) => server.push('g')));
    await expectDone(world, 'update');
  });

  it('two processes make different changes at once: one is made, the other refused', async () => {
    const world = await prepared(store, 'update');
    for (let revision = 2n; revision < 10n; revision++) {
      const [one, two] = await Promise.all([world.process(), world.process()]);
      const change = (server: CskmfProcess, joined: string[]) =>
        reasonOf(server.keys.update({ groupId: 'g', membershipRevision: revision, joined, left: [] }, SMF));
      const outcomes = await Promise.all([change(one, [B]), change(two, [A]), change(one, [A]), change(two, [B])]);
      const made = outcomes.filter((outcome) => outcome === OK);
      expect(new Set(outcomes)).toEqual(new Set([OK, 'ABORTED/CONFLICT']));
      expect(made).toHaveLength(2);
      expect(world.kmc.made('g')).toBe(revision);
    }
    const { versions } = await (await world.process()).keys.status({ groupId: 'g' });
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
