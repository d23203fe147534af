import { dump } from '@cpns/store/testing';
import { openWorld, reasonOf, STORES, type World } from './testing/world';

describe.each(STORES)('DestroyKeyVersion on the %s store', (kind) => {
  let world: World;
  beforeEach(async () => {
    world = await openWorld(kind);
  });
  afterEach(() => world.dispose());

  it('takes one version, whose number and request stay', async () => {
    const { kmc } = world;
    await kmc.create('g', 1);
    const second = await kmc.createVersion('g', 1n, 2);
    await kmc.destroyVersion('g', 1n);
    expect(await reasonOf(kmc.get('g', 1n))).toBe('NOT_FOUND/NOT_FOUND');
    expect(await reasonOf(kmc.create('g', 1))).toBe('NOT_FOUND/NOT_FOUND');
    expect(await kmc.get('g', 2n)).toEqual(second);
  });

  it('leaves neither the key nor its sealed form in the store', async () => {
    const { kmc } = world;
    const { groupKey } = await kmc.create('g', 1);
    const sealed = (await world.store.read({ kind: 'key', id: 'g' }, ['version.1'])).get('version.1')!.value;
    // the sealed field as the record's JSON has it
    const [, inBase64] = /"groupKey":"([^"]{40,})"/.exec(sealed.toString('latin1'))!;
    expect((await world.raw()).includes(inBase64!)).toBe(true);
    await kmc.destroyVersion('g', 1n);
    const after = await world.raw();
    for (const needle of [groupKey, groupKey.toString('hex'), groupKey.toString('base64'), inBase64!])
      expect(after.includes(needle)).toBe(false);
  });

  it('does nothing when it was destroyed before', async () => {
    const { kmc } = world;
    await kmc.create('g', 1);
    await kmc.destroyVersion('g', 1n);
    const before = await dump(world.store);
    await kmc.destroyVersion('g', 1n);
    expect(await dump(world.store)).toEqual(before);
  });
});
