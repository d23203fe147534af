import { parseEntityUri } from '@cpns/core';
import { eventually, perTest, reasonOfAsync } from '@cpns/core/testing';
import { changesBy, dump } from '@cpns/store/testing';
import { ANN, BOB, DAN, EVE, pne, type Replica, within, World } from '../testing/world';
import { rightChangeOf } from './groups';
import { ProposeChange } from './propose-change';

// many processes on one machine
jest.setTimeout(30_000);

const ALL = { names: ['g1', 'g2'], complete: true };
const NONE = { names: [], complete: true };

describe('the rights of members', () => {
  const world = perTest(new World());
  let smf: Replica;
  beforeEach(async () => {
    ({ smf } = world);
    await smf.create([ANN, BOB], { groupId: 'g1', openToJoin: true });
    await smf.create([BOB], { groupId: 'g2', openToJoin: true });
    await smf.create([ANN], { groupId: 'g3', openToJoin: true });
    await atRest();
  });

  const atRest = async () => {
    for (const groupId of ['g1', 'g2', 'g3']) await world.rest(groupId);
  };
  const members = async () =>
    Promise.all(
      ['g1', 'g2', 'g3'].map(async (groupId) => (await smf.get(groupId)).members.map((one) => one.slice(-2))),
    );
  const keyed = (groupId = 'g1') => world.server.groups.get(groupId)!;

  describe('that end', () => {
    it('lead out of each group, which has a new version at once', async () => {
      expect(await smf.memberships(BOB)).toEqual(['g1', 'g2']);
      expect(await smf.ends('revoke', [BOB])).toEqual(ALL);
      expect(await members()).toEqual([['e1'], [], ['e1']]);
      expect(await smf.get()).toMatchObject({ membershipRevision: 2n, suspended: [] });
      expect(['g1', 'g2', 'g3'].map((groupId) => world.server.recipients(groupId))).toEqual([[ANN], [], [ANN]]);
      expect(['g1', 'g2', 'g3'].map((groupId) => keyed(groupId).emergencies)).toEqual([[2n], [2n], []]);
      expect(await smf.memberships(BOB)).toEqual([]);
    });

    it('may leave messages under way their grace', async () => {
      expect(await smf.ends('revoke', [BOB], { keepGrace: true })).toEqual(ALL);
      expect(keyed()).toMatchObject({ versions: [1n, 2n], emergencies: [] });
    });

    it('are one change of a group, however many they are', async () => {
      const crowd = Array.from({ length: 300 }, (_, n) => pne(100 + n, `pn${n % 3}`)).sort();
      await smf.add(crowd);
      await smf.add(crowd, within(), 'g2');
      world.server.requests.length = 0;
      expect(await smf.ends('revoke', crowd)).toEqual(ALL);
      expect(world.server.requests.sort()).toEqual(['update g1', 'update g2']);
      expect(await members()).toEqual([['e1', 'e2'], ['e2'], ['e1']]);
    });

    it('bar nobody: who is admitted again is in no group, and may join', async () => {
      await smf.ends('revoke', [BOB]);
      expect(await smf.join(BOB)).toBe(3n);
      await smf.remove([ANN]);
      await smf.ends('revoke', [ANN]);
      expect(await reasonOfAsync(smf.join(ANN))).toBe('JOIN_NOT_PERMITTED');
    });

    it('are not told twice: a repeated or late call leaves what a later life has', async () => {
      expect(await smf.ends('revoke', [BOB])).toEqual(ALL);
      await smf.join(BOB);
      await smf.join(BOB, undefined, 'g3');
      await atRest();
      for (const replica of [smf, await world.replica()]) expect(await replica.ends('revoke', [BOB])).toEqual(ALL);
      expect(await members()).toEqual([['e1', 'e2'], [], ['e1', 'e2']]);
      const later = { names: ['g1', 'g3'], complete: true };
      expect(await smf.ends('revoke', [BOB], { life: 2n })).toEqual(later);
      expect(await smf.ends('revoke', [BOB], { life: 1n })).toEqual(later);
      expect(await members()).toEqual([['e1'], [], ['e1']]);
    });

    it('of entities without groups, or of strangers, change nothing', async () => {
      expect(await smf.ends('revoke', [DAN, EVE])).toEqual(NONE);
      expect(world.server.requests).toHaveLength(3);
    });

    it('lead out of groups that were made before there was an index', async () => {
      const { sets } = (await dump(world.store))['pn/pn1']!;
      const entries = Object.entries(sets).filter(([set]) => set.startsWith('member-of.'));
      expect(entries).toHaveLength(2);
      const removeFrom = entries.flatMap(([set, found]) => found.map((member) => ({ set, member })));
      await world.store.commit({ kind: 'pn', id: 'pn1' }, { removeFrom });
      expect(await smf.ends('revoke', [BOB])).toEqual(ALL);
      expect(await members()).toEqual([['e1'], [], ['e1']]);
      await (await world.replica()).ends('suspend', [ANN]);
      expect(await smf.memberships(ANN)).toEqual(['g1/suspended', 'g3/suspended']);
    });
  });

  describe('that rest', () => {
    it('keep their places, and get them back', async () => {
      expect(await smf.ends('suspend', [BOB])).toEqual(ALL);
      expect(await smf.get()).toMatchObject({ membershipRevision: 2n, members: [ANN], suspended: [BOB] });
      expect(world.server.recipients('g1')).toEqual([ANN]);
      expect(keyed().emergencies).toEqual([2n]);
      expect(await smf.memberships(BOB)).toEqual(['g1/suspended', 'g2/suspended']);
      expect(await smf.ends('suspend', [BOB])).toEqual(ALL);
      expect(await smf.ends('resume', [BOB], { revision: 2n })).toEqual(ALL);
      expect(await smf.get()).toMatchObject({ membershipRevision: 3n, members: [ANN, BOB], suspended: [] });
      expect(world.server.recipients('g1')).toEqual([ANN, BOB]);
      expect(keyed()).toMatchObject({ versions: [1n, 2n, 3n], emergencies: [2n] });
    });

    it('have their places though others came, and neither join nor are added', async () => {
      await smf.update(['max_members'], { groupId: 'g1', maxMembers: 2 }, 1n);
      await smf.ends('suspend', [BOB]);
      expect(await smf.add([BOB, EVE])).toMatchObject({ members: [ANN, EVE], suspended: [BOB] });
      expect(await reasonOfAsync(smf.join(BOB))).toBe('JOIN_NOT_PERMITTED');
      await smf.ends('resume', [BOB], { revision: 2n });
      expect((await smf.get()).members).toEqual([ANN, BOB, EVE]);
    });

    it('may end, or be taken out by an operator', async () => {
      await smf.ends('suspend', [ANN, BOB]);
      expect(await smf.remove([ANN])).toMatchObject({ members: [], suspended: [BOB], membershipRevision: 2n });
      expect(await smf.ends('revoke', [BOB], { revision: 2n })).toEqual(ALL);
      expect(await smf.ends('resume', [BOB], { revision: 3n })).toEqual(NONE);
      expect(await smf.get()).toMatchObject({ members: [], suspended: [], membershipRevision: 2n });
      expect(await smf.join(BOB)).toBe(3n);
    });

    it('are not suspended by what was said before they counted again', async () => {
      await smf.ends('suspend', [BOB], { revision: 5n });
      await smf.ends('resume', [BOB], { revision: 6n });
      expect(await smf.ends('suspend', [BOB], { revision: 5n })).toEqual(NONE);
      expect(await members()).toEqual([['e1', 'e2'], ['e2'], ['e1']]);
    });

    it('are not suspended by a call that lags behind the one that they counted again with', async () => {
      await smf.ends('suspend', [BOB]);
      await smf.ends('resume', [BOB], { revision: 2n });
      const { length } = world.server.requests;
      const late = rightChangeOf('g1', { event: 'suspend', keepGrace: false }, [parseEntityUri(BOB)]);
      expect(await reasonOfAsync(smf.module.get(ProposeChange).execute(late, within()))).toBe('REQUEST_OVERTAKEN');
      expect(await members()).toEqual([['e1', 'e2'], ['e2'], ['e1']]);
      expect(world.server.requests).toHaveLength(length);
    });

    it('come back while their suspension is under way: it comes first', async () => {
      const release = world.server.hold();
      const suspended = smf.ends('suspend', [BOB]);
      await eventually(async () => expect(await world.outboxOf('g2')).toHaveLength(1));
      const resumed = (await world.replica()).ends('resume', [BOB], { revision: 2n });
      release();
      expect([(await suspended).complete, (await resumed).complete]).toEqual([true, true]);
      expect(await members()).toEqual([['e1', 'e2'], ['e2'], ['e1']]);
    });

    it('stay where they are without a live key, and do not keep others out', async () => {
      await smf.add([EVE]);
      await smf.ends('suspend', [BOB, EVE]);
      world.server.withoutKey.add(EVE);
      expect(await smf.ends('resume', [BOB, EVE], { revision: 2n })).toEqual({ ...ALL, complete: false });
      expect(await smf.get()).toMatchObject({ members: [ANN, BOB], suspended: [EVE] });
      world.server.withoutKey.delete(EVE);
      expect(await smf.ends('resume', [BOB, EVE], { revision: 2n })).toEqual(ALL);
      expect(await smf.get()).toMatchObject({ members: [ANN, BOB, EVE], suspended: [] });
    });
  });

  it('are shown before they change, and nothing is changed', async () => {
    const show = (kind: 'revoke' | 'suspend' | 'resume', revision = 1n) =>
      smf.ends(kind, [BOB], { dryRun: true, revision });
    const shown = async () => {
      expect([await show('revoke'), await show('suspend'), await show('resume')]).toEqual([
        { ...ALL, complete: false },
        { ...ALL, complete: false },
        NONE,
      ]);
    };
    // what is looked up first is put into the index
    await smf.memberships(BOB);
    expect(await changesBy(world.store, shown)).toEqual([]);
    await smf.ends('suspend', [BOB]);
    expect(await show('suspend')).toEqual(NONE);
    expect(await show('resume', 2n)).toEqual({ ...ALL, complete: false });
    expect(await members()).toEqual([['e1'], [], ['e1']]);
  });

  it.each(['revoke', 'suspend'] as const)(
    'change (%s) though CSKMF is away: the call answers in time',
    async (kind) => {
      world.server.away = true;
      const began = Date.now();
      expect(await smf.ends(kind, [BOB], { call: within(1_500) })).toEqual({ ...ALL, complete: false });
      expect(Date.now() - began).toBeLessThan(3_000);
      expect(await members()).toEqual([['e1', 'e2'], ['e2'], ['e1']]);
      world.server.away = false;
      await atRest();
      expect(await members()).toEqual([['e1'], [], ['e1']]);
      expect(await smf.ends(kind, [BOB])).toEqual(ALL);
      expect(keyed()).toMatchObject({ versions: [1n, 2n], emergencies: [2n] });
    },
  );

  it('end before the one who is admitted again joins, also where nobody got that far', async () => {
    world.server.stuck = true;
    await reasonOfAsync(smf.add([EVE], within(600)));
    expect(await smf.ends('revoke', [BOB], { call: within(600) })).toEqual({ ...ALL, complete: false });
    await smf.stop();
    world.server.stuck = false;
    smf = await world.replica();
    expect(await smf.join(BOB)).toBe(4n);
    expect(await smf.ends('revoke', [BOB])).toEqual(ALL);
    expect(await members()).toEqual([['e1', 'e2', 'e3'], [], ['e1']]);
  });

  it.each<[string, boolean, string]>([
    ['CSKMF finds its key live', true, 'accepted'],
    ['CSKMF finds no live key', false, 'MEMBER_WITHOUT_KEY'],
  ])('end while an operator adds one, and %s', async (_what, isLive, expected) => {
    const release = world.server.hold();
    const added = reasonOfAsync(smf.add([BOB], within(), 'g3'));
    // CSKMF is asked next
    await eventually(async () =>
      expect(
        Object.values((await dump(world.store))['pn/pn1']!.sets)
          .flat()
          .join(),
      ).toContain('g3.2-'),
    );
    if (!isLive) world.server.withoutKey.add(BOB);
    const ended = (await world.replica()).ends('revoke', [BOB]);
    await new Promise((resolve) => setTimeout(resolve, 100));
    release();
    expect(await added).toBe(expected);
    expect((await ended).complete).toBe(true);
    expect(await members()).toEqual([['e1'], [], ['e1']]);
    expect(world.server.recipients('g3')).toEqual([ANN]);
  });

  it('end in a group that is deleted meanwhile', async () => {
    const release = world.server.hold();
    const deleted = smf.end(within(), 'g2');
    await eventually(async () => expect(await world.outboxOf('g2')).toHaveLength(1));
    const ended = smf.ends('revoke', [BOB]);
    release();
    await deleted;
    const { names, complete } = await ended;
    expect([names[0], complete]).toEqual(['g1', true]);
    await atRest();
    expect(await smf.memberships(BOB)).toEqual([]);
  });
});

describe('the index of memberships', () => {
  const world = perTest(new World());

  it('follows who comes and goes, and keeps nothing of who left', async () => {
    const { smf } = world;
    await smf.create([ANN, BOB], { openToJoin: true });
    for (let n = 0; n < 3; n++) {
      await smf.leave(BOB);
      await smf.join(BOB);
    }
    await world.rest();
    const sets = async () => Object.values((await dump(world.store))['pn/pn1']?.sets ?? {}).map((found) => [...found]);
    const entries = (await sets()).flat().filter((entry) => entry !== 'g1');
    expect(entries.map((entry) => entry.replace(/-[0-9a-f]{32}$/, '')).sort()).toEqual(['g1.1', 'g1.7']);
    world.server.withoutKey.add(EVE);
    expect(await reasonOfAsync(smf.add([EVE]))).toBe('MEMBER_WITHOUT_KEY');
    await smf.remove([BOB]);
    await smf.end();
    await world.rest();
    expect((await sets()).flat()).toEqual([]);
  });
});
