import { perTest } from '@cpns/core/testing';
import { expectRefusal, outcomeOf } from '@cpns/platform/testing';
import { deathsAt, failingStore } from '@cpns/store/testing';
import { STORES, World, type Kmc } from './testing/world';

describe('on one store', () => {
  const world = perTest(new World());
  let kmc: Kmc;
  beforeEach(() => ({ kmc } = world));

  it('makes version 1, 32 bytes, another key for each group', async () => {
    const [a, b] = [await kmc.create('a', 1), await kmc.create('b', 2)];
    expect([a.groupId, a.version, a.groupKey.length]).toEqual(['a', 1n, 32]);
    expect(b.version).toBe(1n);
    expect(b.groupKey.equals(a.groupKey)).toBe(false);
  });

  it('answers the same request the same, in another process and after an update too', async () => {
    const first = await kmc.create('g', 1);
    expect(await kmc.create('g', 1)).toEqual(first);
    await kmc.createVersion('g', 1n, 2);
    expect(await (await world.process()).create('g', 1)).toEqual(first);
  });

  it('gives the next number, with another key', async () => {
    const first = await kmc.create('g', 1);
    const second = await kmc.createVersion('g', 1n, 2);
    const third = await kmc.createVersion('g', 2n, 3);
    expect([second.version, third.version]).toEqual([2n, 3n]);
    expect(new Set([first, second, third].map(({ groupKey }) => groupKey.toString('hex'))).size).toBe(3);
  });

  it('answers the same request the same, also when newer versions followed', async () => {
    await kmc.create('g', 1);
    const second = await kmc.createVersion('g', 1n, 2);
    await kmc.createVersion('g', 2n, 3);
    expect(await kmc.createVersion('g', 1n, 2)).toEqual(second);
  });

  it('knows its request when the claim of it has ended', async () => {
    await kmc.create('g', 1);
    const second = await kmc.createVersion('g', 1n, 2);
    world.clock.advance(31 * 24 * 3_600_000);
    expect(await kmc.createVersion('g', 1n, 2)).toEqual(second);
    expect(await outcomeOf(kmc.createVersion('g', 1n, 3))).toBe('ABORTED/CONFLICT');
  });

  it('follows a destroyed version: its number is not given again', async () => {
    await kmc.create('g', 1);
    await kmc.destroyVersion('g', 1n);
    expect((await kmc.createVersion('g', 1n, 2)).version).toBe(2n);
  });

  it('gives the same bytes again, in another process too', async () => {
    const first = await kmc.create('g', 1);
    const second = await kmc.createVersion('g', 1n, 2);
    const later = await world.process();
    expect([await later.get('g', 1n), await later.get('g', 2n)]).toEqual([first, second]);
  });

  it('refuses a version whose record was put in the place of another', async () => {
    await kmc.create('g', 1);
    await kmc.createVersion('g', 1n, 2);
    const key = { kind: 'key', id: 'g' };
    const found = await world.store.read(key, ['version.1', 'version.2']);
    await world.store.commit(key, {
      expect: [{ name: 'version.2', revision: found.get('version.2')!.revision }],
      put: [{ name: 'version.2', value: found.get('version.1')!.value }],
    });
    expect(await outcomeOf(kmc.get('g', 2n))).toBe('INTERNAL/STORED_RECORD_INVALID');
  });

  const refused: [string, (kmc: Kmc) => Promise<unknown>, string][] = [
    ['a creation again, its key destroyed', (k) => k.create('gone', 3), 'ALREADY_EXISTS/ALREADY_EXISTS'],
    ['a creation again, its version destroyed', (k) => k.create('g', 1), 'NOT_FOUND/NOT_FOUND'],
    ['a creation with the request id of an update', (k) => k.create('n', 4), 'ABORTED/CONFLICT'],
    ['an update again, its version destroyed', (k) => k.createVersion('g', 1n, 2), 'NOT_FOUND/NOT_FOUND'],
    ['an update with the request id of its creation', (k) => k.createVersion('g', 3n, 1), 'ABORTED/CONFLICT'],
    ['an update with the request id of another group', (k) => k.createVersion('g', 3n, 3), 'ABORTED/CONFLICT'],
  ];
  it.each(refused)('refuses %s, and changes nothing', async (_, call, expected) => {
    await kmc.create('g', 1);
    await kmc.createVersion('g', 1n, 2);
    await kmc.createVersion('g', 2n, 4);
    await kmc.destroyVersion('g', 1n);
    await kmc.destroyVersion('g', 2n);
    await kmc.create('gone', 3);
    await kmc.destroy('gone');
    await expectRefusal(world.store, () => call(kmc), expected);
  });
});

describe.each(STORES)('making versions on the %s store', (kind) => {
  const world = perTest(new World(kind));

  it('gives a number to one of many requests, the others are CONFLICT', async () => {
    await world.kmc.create('g', 1);
    const processes = await Promise.all([world.process(), world.process()]);
    const calls = Array.from({ length: 20 }, (_, i) => processes[i % 2]!.createVersion('g', 1n, 100 + i));
    const outcomes = await Promise.allSettled(calls);
    const given = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    expect(given).toHaveLength(1);
    const refusals = await Promise.all(calls.map((call) => outcomeOf(call)));
    expect(refusals.filter((reason) => reason === 'ABORTED/CONFLICT')).toHaveLength(19);
    expect(await world.kmc.get('g', 2n)).toEqual(given[0]);
    expect(await outcomeOf(world.kmc.get('g', 3n))).toBe('NOT_FOUND/NOT_FOUND');
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
    expect(await outcomeOf(world.kmc.get('g', 3n))).toBe('NOT_FOUND/NOT_FOUND');
  });

  it('gives one request id to one of two groups', async () => {
    const outcomes = await Promise.all([outcomeOf(world.kmc.create('a', 1)), outcomeOf(world.kmc.create('b', 1))]);
    expect(outcomes.sort()).toEqual(['ABORTED/CONFLICT', 'accepted']);
  });

  it('makes nothing after an end that was faster', async () => {
    await world.kmc.create('g', 1);
    const [made] = await Promise.all([outcomeOf(world.kmc.createVersion('g', 1n, 2)), world.kmc.destroy('g')]);
    expect(['accepted', 'NOT_FOUND/NOT_FOUND']).toContain(made);
    for (const version of [1n, 2n]) expect(await outcomeOf(world.kmc.get('g', version))).toBe('NOT_FOUND/NOT_FOUND');
    expect((await world.raw()).toString('latin1')).not.toContain('"groupKey":');
  });

  const REQUESTS: [string, bigint, (kmc: Kmc) => ReturnType<Kmc['create']>][] = [
    ['a creation', 1n, (k) => k.create('g', 1)],
    ['an update', 2n, (k) => k.createVersion('g', 1n, 2)],
  ];
  describe.each(REQUESTS)('%s', (_, version, make) => {
    it.each(deathsAt(2))('killed at commit $at, $when it, goes on: one version, one answer', async (failure) => {
      for (let previous = 1n; previous < version; previous++) await world.kmc.create('g', 1);
      const dying = await world.process((store) => failingStore(store, failure));
      expect(await outcomeOf(make(dying))).toBe('UNAVAILABLE/DEPENDENCY_UNAVAILABLE');
      const again = await world.process();
      const made = await make(again);
      expect(made.version).toBe(version);
      expect(await make(world.kmc)).toEqual(made);
      expect(await again.get('g', version)).toEqual(made);
      expect(await outcomeOf(again.get('g', version + 1n))).toBe('NOT_FOUND/NOT_FOUND');
      expect((await again.createVersion('g', version, 3)).version).toBe(version + 1n);
    });
  });
});
