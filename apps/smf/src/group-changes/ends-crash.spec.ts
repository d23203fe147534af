/** A process dies at each of the commits by which a right that changed is carried into the groups. */
import { eventually, perTest, reasonOfAsync } from '@cpns/core/testing';
import { ANN, BOB, type Replica, within, World } from '../testing/world';

jest.setTimeout(120_000);

const GROUPS = ['g1', 'g2'];

interface Case {
  readonly what: string;
  readonly before: (smf: Replica) => Promise<unknown>;
  readonly work: (smf: Replica) => Promise<unknown>;
  /** What the Server says next, to another process. */
  readonly then: (smf: Replica) => ReturnType<Replica['ends']>;
  readonly members: readonly string[];
  readonly suspended: readonly string[];
  readonly versions: readonly number[];
}

const call = () => within(3_000);
const suspend = (smf: Replica) => smf.ends('suspend', [BOB], { call: call() });
const resume = (smf: Replica) => smf.ends('resume', [BOB], { call: call(), revision: 2n });
const revoke = (smf: Replica) => smf.ends('revoke', [BOB], { call: call(), revision: 3n });
const nothing = () => Promise.resolve();

const CASES: readonly Case[] = [
  { what: 'an end', before: nothing, work: revoke, then: revoke, members: [ANN], suspended: [], versions: [2] },
  {
    what: 'a suspension',
    before: nothing,
    work: suspend,
    then: suspend,
    members: [ANN],
    suspended: [BOB],
    versions: [2],
  },
  {
    what: 'the end of a suspension',
    before: suspend,
    work: resume,
    then: resume,
    members: [ANN, BOB],
    suspended: [],
    versions: [3],
  },
  {
    // in a group that was not suspended in before, it never is
    what: 'a suspension that is over before it was complete',
    before: nothing,
    work: suspend,
    then: resume,
    members: [ANN, BOB],
    suspended: [],
    versions: [1, 3],
  },
  {
    what: 'a suspension, then an end,',
    before: nothing,
    work: suspend,
    then: revoke,
    members: [ANN],
    suspended: [],
    versions: [2],
  },
];

describe('a process dies', () => {
  const world = perTest(new World());

  /** @returns whether it died, which it does not with fewer commits than that */
  const takenOver = async (one: Case, death: { readonly at: number; readonly durable: boolean }): Promise<boolean> => {
    await world.close();
    await world.open();
    for (const groupId of GROUPS) await world.smf.create([ANN, BOB], { groupId });
    await one.before(world.smf);
    for (const groupId of GROUPS) await world.rest(groupId);
    await world.smf.stop();
    const { replica, store } = await world.mortal(death);
    await reasonOfAsync(one.work(replica));
    const isIdle = async () =>
      (await Promise.all(GROUPS.map((groupId) => world.outboxOf(groupId)))).flat().length === 0;
    await eventually(async () => expect(store.isKilled || (await isIdle())).toBe(true));
    await replica.stop();
    const heir = await world.replica();
    const { complete, names } = await one.then(heir);
    expect(complete).toBe(true);
    // also those that the process that died had changed already
    if (one.versions.length === 1) expect([...names].sort()).toEqual(GROUPS);
    for (const groupId of GROUPS) {
      await heir.drain(groupId);
      const { members, suspended } = await heir.get(groupId);
      expect([members, suspended]).toEqual([one.members, one.suspended]);
      expect(world.server.recipients(groupId)).toEqual(one.members);
      expect(one.versions).toContain(world.server.groups.get(groupId)?.versions.length);
    }
    return store.isKilled;
  };

  it.each(CASES.map((one) => [one.what, one] as const))('at each commit of %s', async (_what, one) => {
    let commits = 0;
    while (await takenOver(one, { at: commits + 1, durable: false })) {
      commits += 1;
      await takenOver(one, { at: commits, durable: true });
    }
    expect(commits).toBeGreaterThan(6);
  });
});
