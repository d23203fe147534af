import { openWorld, reasonOf, type Kmc, type World } from './testing/world';

let world: World;
let kmc: Kmc;
beforeEach(async () => {
  world = await openWorld();
  ({ kmc } = world);
});
afterEach(() => world.dispose());

describe('GetKeyVersion', () => {
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
    expect(await reasonOf(kmc.get('g', 2n))).toBe('INTERNAL/STORED_RECORD_INVALID');
  });
});
