import { dump } from '@cpns/store/testing';
import { openWorld, reasonOf, type Kmc, type World } from './testing/world';

let world: World;
let kmc: Kmc;
beforeEach(async () => {
  world = await openWorld();
  ({ kmc } = world);
});
afterEach(() => world.dispose());

describe('CreateKey', () => {
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

  const refused: [string, (kmc: Kmc) => Promise<unknown>, string][] = [
    ['the same request, its key destroyed', (k) => k.create('gone', 2), 'ALREADY_EXISTS/ALREADY_EXISTS'],
    ['the same request, its version destroyed', (k) => k.create('old', 3), 'NOT_FOUND/NOT_FOUND'],
    ['the request id of an update', (k) => k.create('n', 4), 'ABORTED/CONFLICT'],
  ];
  it.each(refused)('refuses %s, and changes nothing', async (_, call, expected) => {
    await kmc.create('g', 1);
    await kmc.create('gone', 2);
    await kmc.destroy('gone');
    await kmc.create('old', 3);
    await kmc.createVersion('old', 1n, 4);
    await kmc.destroyVersion('old', 1n);
    const before = await dump(world.store);
    expect(await reasonOf(call(kmc))).toBe(expected);
    expect(await dump(world.store)).toEqual(before);
  });
});
