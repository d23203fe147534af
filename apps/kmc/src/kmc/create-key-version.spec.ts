import { dump } from '@cpns/store/testing';
import { openWorld, reasonOf, type Kmc, type World } from './testing/world';

let world: World;
let kmc: Kmc;
beforeEach(async () => {
  world = await openWorld();
  ({ kmc } = world);
});
afterEach(() => world.dispose());

describe('CreateKeyVersion', () => {
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
    expect(await reasonOf(kmc.createVersion('g', 1n, 3))).toBe('ABORTED/CONFLICT');
  });

  it('follows a destroyed version: its number is not given again', async () => {
    await kmc.create('g', 1);
    await kmc.destroyVersion('g', 1n);
    expect((await kmc.createVersion('g', 1n, 2)).version).toBe(2n);
  });

  const refused: [string, (kmc: Kmc) => Promise<unknown>, string][] = [
    ['the same request, its version destroyed', (k) => k.createVersion('g', 1n, 2), 'NOT_FOUND/NOT_FOUND'],
    ['the request id of its creation', (k) => k.createVersion('g', 3n, 1), 'ABORTED/CONFLICT'],
    ['the request id of another group', (k) => k.createVersion('g', 3n, 3), 'ABORTED/CONFLICT'],
  ];
  it.each(refused)('refuses %s, and changes nothing', async (_, call, expected) => {
    await kmc.create('g', 1);
    await kmc.createVersion('g', 1n, 2);
    await kmc.createVersion('g', 2n, 4);
    await kmc.destroyVersion('g', 2n);
    await kmc.create('gone', 3);
    await kmc.destroy('gone');
    const before = await dump(world.store);
    expect(await reasonOf(call(kmc))).toBe(expected);
    expect(await dump(world.store)).toEqual(before);
  });
});
