import { GroupKey } from '@cpns/core';
import { perTest } from '@cpns/core/testing';
import { outcomeOf } from '@cpns/platform/testing';
import { at, Records, type RecordRef } from '@cpns/store';
import { changesBy, deathsAt, failingStore } from '@cpns/store/testing';
import { HEAD, keyAggregate, VERSION, versionName } from './kmc.controller';
import { requestId, STORES, World, type Kmc } from './testing/world';

const withVersions = async (kmc: Kmc, groupId: string, versions: number): Promise<void> => {
  await kmc.create(groupId, 1);
  for (let newest = 1; newest < versions; newest++) await kmc.createVersion(groupId, BigInt(newest), newest + 1);
};

/** As a key has them that was updated so often, in a few commits. */
async function addVersions({ module }: Kmc, groupId: string, from: number, newest: number): Promise<void> {
  const numbers = Array.from({ length: newest - from + 1 }, (_, index) => BigInt(from + index));
  const records: Record<string, RecordRef<typeof VERSION.fields>> = Object.fromEntries(
    numbers.map((number) => [String(number), at(VERSION, versionName(number))]),
  );
  const made = numbers.map((version) => {
    const groupKey = new GroupKey(Buffer.alloc(32, Number(version % 250n)));
    return [String(version), { version, state: 'live', requestId: requestId(Number(version)), groupKey }] as const;
  });
  const aggregate = keyAggregate(groupId);
  const store = module.get(Records);
  await store.transact(aggregate, records, () => ({ result: undefined, put: Object.fromEntries(made) }));
  const head = { state: 'live', newest: BigInt(newest) } as const;
  await store.transact(aggregate, { head: at(HEAD) }, () => ({ result: undefined, put: { head } }));
}

describe.each(STORES)('the end of keys on the %s store', (kind) => {
  const world = perTest(new World(kind));

  const liveKeys = async () => (await world.raw()).toString('latin1').split('"groupKey":').length - 1;

  it('takes one version, whose number and request stay', async () => {
    const { kmc } = world;
    await kmc.create('g', 1);
    const second = await kmc.createVersion('g', 1n, 2);
    await kmc.destroyVersion('g', 1n);
    expect(await outcomeOf(kmc.get('g', 1n))).toBe('NOT_FOUND/NOT_FOUND');
    expect(await outcomeOf(kmc.create('g', 1))).toBe('NOT_FOUND/NOT_FOUND');
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

  it('ends more versions than one commit takes, and the group-id for good', async () => {
    const { kmc } = world;
    const versions = 1_050;
    await kmc.create('g', 1);
    await addVersions(kmc, 'g', 2, versions);
    expect(await liveKeys()).toBe(versions);
    await kmc.destroy('g');
    expect(await liveKeys()).toBe(0);
    for (const version of [1n, 501n, BigInt(versions)])
      expect(await outcomeOf(kmc.get('g', version))).toBe('NOT_FOUND/NOT_FOUND');
    expect(await outcomeOf(kmc.create('g', 9_999))).toBe('ALREADY_EXISTS/ALREADY_EXISTS');
    expect(await outcomeOf(kmc.createVersion('g', BigInt(versions), 9_999))).toBe('NOT_FOUND/NOT_FOUND');
  }, 60_000);

  it('leaves other groups alone', async () => {
    const { kmc } = world;
    await kmc.create('g', 1);
    const other = await kmc.create('h', 2);
    await kmc.destroy('g');
    expect(await kmc.get('h', 1n)).toEqual(other);
  });

  it('does nothing when it was destroyed before', async () => {
    await withVersions(world.kmc, 'g', 3);
    for (const destroy of [() => world.kmc.destroyVersion('g', 2n), () => world.kmc.destroy('g')]) {
      await destroy();
      expect(await changesBy(world.store, destroy)).toEqual([]);
    }
    expect(await changesBy(world.store, () => world.kmc.destroyVersion('g', 1n))).toEqual([]);
  });

  it.each(deathsAt(3))(
    'killed at commit $at, $when it: gives nothing out afterwards, and goes on when asked again',
    async ({ at: commit, when }) => {
      await withVersions(world.kmc, 'g', 3);
      const dying = await world.process((store) => failingStore(store, { at: commit, when }));
      expect(await outcomeOf(dying.destroy('g'))).toBe('UNAVAILABLE/DEPENDENCY_UNAVAILABLE');
      const again = await world.process();
      const ended = commit > 1 || when === 'after';
      expect(await outcomeOf(again.get('g', 3n))).toBe(ended ? 'NOT_FOUND/NOT_FOUND' : 'accepted');
      if (ended) expect(await outcomeOf(again.createVersion('g', 3n, 9))).toBe('NOT_FOUND/NOT_FOUND');
      await again.destroy('g');
      expect(await liveKeys()).toBe(0);
      expect(await outcomeOf(again.create('g', 10))).toBe('ALREADY_EXISTS/ALREADY_EXISTS');
    },
  );
});
