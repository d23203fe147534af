import { failingStore } from '@cpns/store/testing';
import { openWorld, reasonOf, STORES, type World } from './testing/world';

describe.each(STORES)('making versions on the %s store', (kind) => {
  let world: World;
  beforeEach(async () => {
    world = await openWorld(kind);
  });
  afterEach(() => world.dispose());

  it('gives a number to one of many requests, the others are CONFLICT', async () => {
    await world.kmc.create('g', 1);
    const processes = await Promise.all([world.process(), world.process()]);
    const calls = Array.from({ length: 20 }, (_, i) => processes[i % 2]!.createVersion('g', 1n, 100 + i));
    const outcomes = await Promise.allSettled(calls);
    const given = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    expect(given).toHaveLength(1);
    const refusals = await Promise.all(calls.map((call) => reasonOf(call)));
    expect(refusals.filter((reason) => reason === 'ABORTED/CONFLICT')).toHaveLength(19);
    expect(await world.kmc.get('g', 2n)).toEqual(given[0]);
    expect(await reasonOf(world.kmc.get('g', 3n))).toBe('NOT_FOUND/NOT_FOUND');
  });

  it('makes one version of one request, however often it comes at once', async () => {
    const processes = await Promise.all([world.process(), world.process()]);
    const created = await Promise.all(Array.from({ length: 20 }, (_, i) => processes[i % 2]!.create('g', 1)));
    expect(new Set(created.map(({ version, groupKey }) => `${version} ${groupKey.toString('hex')}`)).size).toBe(1);
    const updated = await Promise.all(
      Array.from({ length: 20 }, (_, i) => processes[i % 2]!.createVersion('g', 1n, 2)),
    );
    expect(new Set(updated.map(({ version, groupKey }) => `${version} ${groupKey.toString('hex')}`)).size).toBe(1);
    expect(await world.kmc.get('g', 2n)).toEqual(updated[0]);
    expect(await reasonOf(world.kmc.get('g', 3n))).toBe('NOT_FOUND/NOT_FOUND');
  });

  it('gives one request id to one of two groups', async () => {
    const outcomes = await Promise.all([reasonOf(world.kmc.create('a', 1)), reasonOf(world.kmc.create('b', 1))]);
    expect(outcomes.sort()).toEqual(['ABORTED/CONFLICT', 'accepted']);
  });

  it('makes nothing after an end that was faster', async () => {
    await world.kmc.create('g', 1);
    const [made] = await Promise.all([reasonOf(world.kmc.createVersion('g', 1n, 2)), world.kmc.destroy('g')]);
    expect(['accepted', 'NOT_FOUND/NOT_FOUND']).toContain(made);
    for (const version of [1n, 2n]) expect(await reasonOf(world.kmc.get('g', version))).toBe('NOT_FOUND/NOT_FOUND');
    expect((await world.raw()).toString('latin1')).not.toContain('"groupKey":');
  });

  const CRASHES = [1, 2].flatMap((at) => [
    { at, when: 'before' as const },
    { at, when: 'after' as const },
  ]);

  it.each(CRASHES)('killed at commit $at, $when it, a creation goes on: one version, one answer', async (failure) => {
    const dying = await world.process((store) => failingStore(store, failure));
    expect(await reasonOf(dying.create('g', 1))).toBe('UNAVAILABLE/DEPENDENCY_UNAVAILABLE');
    const again = await world.process();
    const first = await again.create('g', 1);
    expect(first.version).toBe(1n);
    expect(await world.kmc.create('g', 1)).toEqual(first);
    expect(await reasonOf(again.get('g', 2n))).toBe('NOT_FOUND/NOT_FOUND');
  });

  it.each(CRASHES)('killed at commit $at, $when it, an update goes on: one version, one answer', async (failure) => {
    await world.kmc.create('g', 1);
    const dying = await world.process((store) => failingStore(store, failure));
    expect(await reasonOf(dying.createVersion('g', 1n, 2))).toBe('UNAVAILABLE/DEPENDENCY_UNAVAILABLE');
    const again = await world.process();
    const second = await again.createVersion('g', 1n, 2);
    expect(second.version).toBe(2n);
    expect(await world.kmc.createVersion('g', 1n, 2)).toEqual(second);
    expect(await again.get('g', 2n)).toEqual(second);
    expect((await again.createVersion('g', 2n, 3)).version).toBe(3n);
  });
});
