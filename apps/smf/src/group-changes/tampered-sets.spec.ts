import { reasonOfAsync } from '@cpns/core/testing';
import { at, Records } from '@cpns/store';
import { dump, startRedis, type RunningRedis } from '@cpns/store/testing';
import { ANN, BOB, DAN, EVE, pne, World } from '../testing/world';
import { GROUP, groupAggregate } from './groups';

jest.setTimeout(30_000);

describe.each(['embedded', 'redis'])('standings that were changed in the store, on %s,', (kind) => {
  let redis: RunningRedis | undefined;
  const world = new World();
  let count = 0;
  beforeAll(async () => {
    if (kind === 'redis') redis = await startRedis();
  });
  afterAll(() => redis?.stop());
  beforeEach(async () => {
    await world.open(redis && `${redis.url}?prefix=smf-${count++}:`);
    for (const groupId of ['g1', 'g2']) {
      await world.smf.create([ANN, BOB, EVE], { groupId, openToJoin: true });
      await world.smf.remove([EVE], undefined, groupId);
      await world.smf.leave(BOB, undefined, groupId);
      await world.rest(groupId);
    }
  });
  afterEach(() => world.close());

  const stored = async (groupId = 'g1') => (await dump(world.store))[`service-group/${groupId}`]!;

  /** All that is stored of the group's members, but for its own record. */
  const takeOut = async () => {
    const { records, sets } = await stored();
    const names = Object.keys(records).filter((name) => name !== GROUP.name);
    await world.store.commit(groupAggregate('g1'), {
      expect: names.map((name) => ({ name, revision: BigInt(records[name]!.revision) })),
      delete: names,
      removeFrom: Object.entries(sets).flatMap(([set, members]) => members.map((member) => ({ set, member }))),
    });
  };

  it('refuse one that was removed and whose entry was taken out, and who is in a good group joins', async () => {
    expect(await reasonOfAsync(world.smf.join(EVE))).toBe('JOIN_NOT_PERMITTED');
    await takeOut();
    const before = await stored();
    for (const asked of [world.smf.join(EVE), world.smf.join(DAN), world.smf.add([EVE]), world.smf.get()])
      expect(await reasonOfAsync(asked)).toBe('STORED_RECORD_INVALID');
    expect(await stored()).toEqual(before);
    expect(world.server.recipients('g1')).toEqual([ANN]);
    expect(await reasonOfAsync(world.smf.join(EVE, undefined, 'g2'))).toBe('JOIN_NOT_PERMITTED');
    expect(await world.smf.join(DAN, undefined, 'g2')).toBe(4n);
    expect(await world.smf.join(BOB, undefined, 'g2')).toBe(5n);
  });

  it('make no member of one that was put in', async () => {
    const sets = ['members.pn1', 'left', 'pns'].map((set) => ({ set, member: set === 'pns' ? 'pn1' : EVE }));
    await world.store.commit(groupAggregate('g1'), { addTo: sets });
    expect(await world.smf.get()).toMatchObject({ members: [ANN] });
    expect(await reasonOfAsync(world.smf.join(EVE))).toBe('JOIN_NOT_PERMITTED');
    expect(await world.smf.join(DAN)).toBe(4n);
    await world.rest();
    expect(await world.smf.get()).toMatchObject({ members: [ANN, DAN].sort() });
  });

  describe('of a group from before they were authenticated,', () => {
    const OTHERS = Array.from({ length: 150 }, (_, n) => pne(100 + n, `pn${n % 3}`));

    const asBefore = async (members: readonly string[]) => {
      await world.smf.add(OTHERS);
      await world.rest();
      const { records } = await stored();
      const names = Object.keys(records).filter((name) => name !== GROUP.name);
      await world.smf.module.get(Records).transact(groupAggregate('g1'), { group: at(GROUP) }, ({ group }) => {
        const { standings: _standings, ...before } = group!;
        return { result: undefined, put: { group: before } };
      });
      await world.store.commit(groupAggregate('g1'), {
        expect: names.map((name) => ({ name, revision: BigInt(records[name]!.revision) })),
        delete: names,
        addTo: [
          { set: 'left', member: BOB },
          { set: 'removed', member: EVE },
          ...['pn0', 'pn1', 'pn2'].map((member) => ({ set: 'pns', member })),
          ...members.map((member) => ({ set: `members.${/pn\d/.exec(member)![0]}`, member })),
        ],
      });
    };

    it('are taken over once', async () => {
      await asBefore([ANN, ...OTHERS]);
      const replicas = [world.smf, await world.replica(), await world.replica()];
      const found = await Promise.all(replicas.map((replica) => replica.get()));
      expect(found.map(({ members }) => members)).toEqual(Array(3).fill([ANN, ...OTHERS].sort()));
      expect((await stored()).sets).toEqual({});
      expect(await reasonOfAsync(world.smf.join(EVE))).toBe('JOIN_NOT_PERMITTED');
      expect(await world.smf.join(BOB)).toBe(5n);
      await takeOut();
      expect(await reasonOfAsync(world.smf.join(DAN))).toBe('STORED_RECORD_INVALID');
    });

    it('are not taken over with a member more, or one less, than its record says', async () => {
      await asBefore([ANN, DAN, ...OTHERS]);
      expect(await reasonOfAsync(world.smf.join(BOB))).toBe('STORED_RECORD_INVALID');
      const taken = [DAN, ANN].map((member) => ({ set: 'members.pn1', member }));
      await world.store.commit(groupAggregate('g1'), { removeFrom: taken });
      expect(await reasonOfAsync(world.smf.join(BOB))).toBe('STORED_RECORD_INVALID');
      await world.store.commit(groupAggregate('g1'), { addTo: taken.slice(1) });
      expect(await world.smf.join(BOB)).toBe(5n);
    });
  });
});
