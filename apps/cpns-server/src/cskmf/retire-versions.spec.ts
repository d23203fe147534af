import { perTest } from '@cpns/core/testing';
import { outcomeOf } from '@cpns/platform/testing';
import { allMembers } from '@cpns/store';
import { deathsAt, failingStore } from '@cpns/store/testing';
import { pne, World } from '../testing/world';
import { groupAggregate, leaversSet, recipientsSet } from './records';
import { GroupKeyLoop } from './group-key-loop';

const [A, B, C] = [pne('a'), pne('b'), pne('c')];

describe('the end of versions', () => {
  const world = perTest(new World({ entities: [A, B, C] }));
  beforeEach(() => world.server.create([A, B]));

  const change: World['server']['update'] = (...args) => world.server.update(...args);
  const retire = () => world.server.retire.execute('g');
  const members = (set: string) => allMembers(world.store, groupAggregate('g'), set);
  const recipients = () => members(recipientsSet('pn1'));
  const leavers = (version: bigint) => members(leaversSet(version));
  const destroyed = () => world.kmc.calls.filter((call) => call.startsWith('destroy'));

  it('destroys a version at the KMC when its grace is over, and no sooner', async () => {
    await change(2n, [C], [A]);
    world.clock.advance(59_999);
    expect([await retire(), destroyed()]).toEqual([0, []]);
    world.clock.advance(1);
    expect([await retire(), destroyed()]).toEqual([1, ['destroyKeyVersion g/1']]);
    expect([world.kmc.material('g', 1n), world.kmc.material('g', 2n) === undefined]).toEqual([undefined, false]);
    expect([await retire(), destroyed()]).toEqual([0, ['destroyKeyVersion g/1']]);
    expect((await world.server.status()).versions.map(({ version }) => version)).toEqual([1n, 2n]);
  });

  it('never the last one, however old', async () => {
    world.clock.advance(365 * 86_400_000);
    expect(await retire()).toBe(0);
  });

  it('forgets who left with it, unless it came back', async () => {
    await change(2n, [C], [A, B]);
    await change(3n, [B], []);
    expect([await recipients(), await leavers(2n)]).toEqual([[A, B, C], [A, B]]); // prettier-ignore
    world.clock.advance(60_000);
    expect(await retire()).toBe(2);
    expect([await recipients(), await leavers(2n)]).toEqual([[B, C], []]); // prettier-ignore
    const pull = (entity: string) => outcomeOf(world.server.pull(entity, 2n));
    expect(await pull(A)).toBe('PERMISSION_DENIED/VERSION_NOT_GIVEN');
  });

  it('keeps who left for as long as a version is of use to it', async () => {
    await change(2n, [C], []);
    world.clock.advance(30_000);
    await change(3n, [], [A]);
    world.clock.advance(30_000);
    expect(await retire()).toBe(1);
    expect([await recipients(), await leavers(3n)]).toEqual([[A, B, C], [A]]); // prettier-ignore
    world.clock.advance(30_000);
    await retire();
    expect([await recipients(), await leavers(3n)]).toEqual([[B, C], []]); // prettier-ignore
  });

  it('is done by one of two replicas', async () => {
    await change(2n, [C], [A]);
    world.clock.advance(60_000);
    const outcomes = await Promise.all([world.server, await world.process()].map(({ retire }) => retire.execute('g')));
    expect(outcomes.sort()).toEqual([0, 1]);
    expect(destroyed()).toEqual(['destroyKeyVersion g/1']);
  });

  it('is left to a replica that has claimed it, for a minute', async () => {
    await change(2n, [C], [A]);
    world.clock.advance(60_000);
    const dying = await world.process(failingStore(world.store, { at: 1, when: 'after' }));
    await outcomeOf(dying.retire.execute('g'));
    world.clock.advance(59_999);
    expect([await retire(), destroyed()]).toEqual([0, []]);
    world.clock.advance(1);
    expect([await retire(), destroyed()]).toEqual([1, ['destroyKeyVersion g/1']]);
  });

  it.each(deathsAt(3))('is taken over when a replica died $when commit $at', async (failure) => {
    await change(2n, [C], [A]);
    world.clock.advance(60_000);
    const dying = await world.process(failingStore(world.store, failure));
    expect(await outcomeOf(dying.retire.execute('g'))).toBe('UNAVAILABLE/DEPENDENCY_UNAVAILABLE');
    world.clock.advance(60_000);
    await retire();
    expect(world.kmc.material('g', 1n)).toBeUndefined();
    expect(await recipients()).toEqual([B, C]);
    const { versions } = await world.server.status();
    expect(versions.map(({ version }) => version)).toEqual([1n, 2n]);
    expect(await retire()).toBe(0);
  });

  it('goes on with the next group when one cannot be retired now', async () => {
    await world.server.create([A], { groupId: 'h' });
    await change(2n, [B], [], 'h');
    await change(2n, [C], [A]);
    world.clock.advance(60_000);
    world.kmc.breakNext('destroyKeyVersion', 'before');
    const loop = world.server.module.get(GroupKeyLoop);
    loop.onApplicationBootstrap();
    while (world.kmc.material('h', 1n) !== undefined) await new Promise((resolve) => setTimeout(resolve, 5));
    await loop.onApplicationShutdown();
    expect(world.kmc.material('g', 1n)).toBeDefined();
    expect(world.log.text()).toContain('what is due for a group could not be done');
  });
});
