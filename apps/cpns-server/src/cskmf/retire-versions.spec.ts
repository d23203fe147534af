import { FakeClock } from '@cpns/core/testing';
import { parseEntityUri } from '@cpns/core';
import type { Store } from '@cpns/store';
import { failingStore, temporaryStore, type TemporaryStore } from '@cpns/store/testing';
import { gateway, pne, reasonOf, SMF, World, type CskmfProcess } from '../testing/world';
import { leaversSet, recipientsSet } from './records';
import { RetirementLoop } from './retire-versions';

const [A, B, C] = [pne('a'), pne('b'), pne('c')];
const GW = parseEntityUri(gateway());
const GROUP = { kind: 'group', id: 'g' };

describe('the end of versions', () => {
  let temporary: TemporaryStore;
  let store: Store;
  let world: World;
  let server: CskmfProcess;
  beforeEach(async () => {
    const clock = new FakeClock();
    temporary = await temporaryStore(clock);
    store = temporary.store;
    world = await World.make(store, { clock });
    await world.register(A, B, C);
    server = await world.process();
    const description = world.description('g');
    await server.keys.create({ description, members: [A, B], membershipRevision: 1n }, SMF);
  });
  afterEach(() => temporary.dispose());

  const change = (membershipRevision: bigint, joined: string[], left: string[]) =>
    server.keys.update({ groupId: 'g', membershipRevision, joined, left }, SMF);
  const recipients = async () => (await store.members(GROUP, recipientsSet('pn1'), undefined, 100)).items;
  const leavers = async (version: bigint) => (await store.members(GROUP, leaversSet(version), undefined, 100)).items;
  const destroyed = () => world.kmc.calls.filter((call) => call.startsWith('destroy'));

  it('destroys a version at the KMC when its grace is over, and no sooner', async () => {
    await change(2n, [C], [A]);
    world.clock.advance(59_999);
    expect([await server.retire.execute('g'), destroyed()]).toEqual([0, []]);
    world.clock.advance(1);
    expect([await server.retire.execute('g'), destroyed()]).toEqual([1, ['destroyKeyVersion g/1']]);
    expect([world.kmc.material('g', 1n), world.kmc.material('g', 2n) === undefined]).toEqual([undefined, false]);
    expect([await server.retire.execute('g'), destroyed()]).toEqual([0, ['destroyKeyVersion g/1']]);
    expect((await server.keys.status({ groupId: 'g' })).versions.map(({ version }) => version)).toEqual([1n, 2n]);
  });

  it('never the last one, however old', async () => {
    world.clock.advance(365 * 86_400_000);
    expect(await server.retire.execute('g')).toBe(0);
  });

  it('forgets who left with it, unless it came back', async () => {
    await change(2n, [C], [A, B]);
    await change(3n, [B], []);
    expect([await recipients(), await leavers(2n)]).toEqual([[A, B, C], [A, B]]); // prettier-ignore
    world.clock.advance(60_000);
    expect(await server.retire.execute('g')).toBe(2);
    expect([await recipients(), await leavers(2n)]).toEqual([[B, C], []]); // prettier-ignore
    const pull = (entity: string) => reasonOf(server.pull.execute({ groupId: 'g', version: 2n, entity }, GW));
    expect(await pull(A)).toBe('PERMISSION_DENIED/VERSION_NOT_GIVEN');
  });

  it('keeps who left for as long as a version is of use to it', async () => {
    await change(2n, [C], []);
    world.clock.advance(30_000);
    await change(3n, [], [A]);
    world.clock.advance(30_000);
    expect(await server.retire.execute('g')).toBe(1);
    expect([await recipients(), await leavers(3n)]).toEqual([[A, B, C], [A]]); // prettier-ignore
    world.clock.advance(30_000);
    await server.retire.execute('g');
    expect([await recipients(), await leavers(3n)]).toEqual([[B, C], []]); // prettier-ignore
  });

  it('is done by one of two replicas', async () => {
    await change(2n, [C], [A]);
    world.clock.advance(60_000);
    const outcomes = await Promise.all([server, await world.process()].map(({ retire }) => retire.execute('g')));
    expect(outcomes.sort()).toEqual([0, 1]);
    expect(destroyed()).toEqual(['destroyKeyVersion g/1']);
  });

  it('is left to a replica that has claimed it, for a minute', async () => {
    await change(2n, [C], [A]);
    world.clock.advance(60_000);
    const dying = await world.process(failingStore(store, { at: 1, when: 'after' }));
    await reasonOf(dying.retire.execute('g'));
    world.clock.advance(59_999);
    expect([await server.retire.execute('g'), destroyed()]).toEqual([0, []]);
    world.clock.advance(1);
    expect([await server.retire.execute('g'), destroyed()]).toEqual([1, ['destroyKeyVersion g/1']]);
  });

  it.each([1, 2, 3].flatMap((at) => [{ at, when: 'before' } as const, { at, when: 'after' } as const]))(
    'is taken over when a replica died $when commit $at',
    async (failure) => {
      await change(2n, [C], [A]);
      world.clock.advance(60_000);
      const dying = await world.process(failingStore(store, failure));
      expect(await reasonOf(dying.retire.execute('g'))).toBe('UNAVAILABLE/DEPENDENCY_UNAVAILABLE');
      world.clock.advance(60_000);
      await server.retire.execute('g');
      expect(world.kmc.material('g', 1n)).toBeUndefined();
      expect(await recipients()).toEqual([B, C]);
      const { versions } = await server.keys.status({ groupId: 'g' });
      expect(versions.map(({ version }) => version)).toEqual([1n, 2n]);
      expect(await server.retire.execute('g')).toBe(0);
    },
  );

  it('goes on with the next group when one cannot be retired now', async () => {
    await server.keys.create({ description: world.description('h'), members: [A], membershipRevision: 1n }, SMF);
    await server.keys.update({ groupId: 'h', membershipRevision: 2n, joined: [B], left: [] }, SMF);
    await change(2n, [C], [A]);
    world.clock.advance(60_000);
    world.kmc.breakNext('destroyKeyVersion', 'before');
    const loop = server.module.get(RetirementLoop);
    loop.onApplicationBootstrap();
    while (world.kmc.material('h', 1n) !== undefined) await new Promise((resolve) => setTimeout(resolve, 5));
    await loop.onApplicationShutdown();
    expect(world.kmc.material('g', 1n)).toBeDefined();
    expect(world.log.text()).toContain('versions of a group could not be retired');
  });
});
