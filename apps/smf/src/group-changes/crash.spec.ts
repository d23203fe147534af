import { eventually, perTest, reasonOfAsync } from '@cpns/core/testing';
import { gatewayOf, pne, type Replica, within, World } from '../testing/world';

jest.setTimeout(60_000);

const [PN1, PN2] = [gatewayOf('pn1'), gatewayOf('pn2')];
const GATEWAYS = [PN1, gatewayOf('pn1', 2), PN2];
const [ANN, BOB, EVE] = [pne(1, 'pn1'), pne(2, 'pn2'), pne(3, 'pn1')];

/** What is done by the process that dies, and what holds once another one took over. */
interface Case {
  readonly what: string;
  readonly before: (smf: Replica) => Promise<unknown>;
  readonly work: (smf: Replica) => Promise<unknown>;
  readonly members: readonly string[];
  readonly revision: bigint;
  readonly deleted?: true;
  /** What the gateways of each PN hear, from the work alone. */
  readonly told: { readonly pn1: readonly string[]; readonly pn2: readonly string[] };
}

const CASES: readonly Case[] = [
  {
    what: 'a group is made',
    before: () => Promise.resolve(),
    work: (smf) => smf.create([ANN, BOB], {}, within(2_000)),
    members: [ANN, BOB],
    revision: 1n,
    told: { pn1: ['g1.1'], pn2: ['g1.1'] },
  },
  {
    what: 'a member is added',
    before: (smf) => smf.create([ANN]),
    work: (smf) => smf.add([BOB], within(2_000)),
    members: [ANN, BOB],
    revision: 2n,
    told: { pn1: ['g1.1', 'g1.2'], pn2: ['g1.2'] },
  },
  {
    what: 'the last member of a PN leaves',
    before: (smf) => smf.create([ANN, BOB, EVE]),
    work: (smf) => smf.leave(BOB),
    members: [ANN, EVE],
    revision: 2n,
    told: { pn1: ['g1.1', 'g1.2'], pn2: ['g1.1', 'g1.2'] },
  },
  {
    what: 'a group ends',
    before: (smf) => smf.create([ANN, BOB]),
    work: (smf) => smf.end(within(2_000)),
    members: [],
    revision: 2n,
    deleted: true,
    told: { pn1: ['g1.1', 'g1.2'], pn2: ['g1.1', 'g1.2'] },
  },
];

describe('a process dies', () => {
  const world = perTest(new World());

  /** The group as it was before, with gateways that know it. */
  const prepare = async ({ before }: Case) => {
    const smf = await world.replica();
    for (const gateway of GATEWAYS) await smf.introduce(gateway);
    await before(smf);
    await world.rest();
    await smf.stop();
  };

  const expectDone = async ({ members, revision, deleted, told }: Case) => {
    const group = await (await world.replica()).get();
    expect(group).toMatchObject({ members, membershipRevision: revision, deleted: deleted ?? false });
    const keyed = world.server.groups.get('g1');
    expect(keyed?.deleted).toBe(deleted ?? false);
    if (!deleted) expect([world.server.recipients('g1'), keyed?.revision]).toEqual([members, revision]);
    expect(await Promise.all(GATEWAYS.map((gateway) => world.told(gateway)))).toEqual([told.pn1, told.pn1, told.pn2]);
  };

  const untouched = async () =>
    [
      world.server.requests.length,
      await world.outboxOf(),
      await (await world.replica()).get().catch(() => undefined),
    ] as const;

  /** @returns whether it died, which it does not with fewer commits than that */
  const takenOver = async (one: Case, death: { readonly at: number; readonly durable: boolean }): Promise<boolean> => {
    await world.close();
    await world.open();
    await prepare(one);
    const before = await untouched();
    const { replica, store } = await world.mortal(death);
    await reasonOfAsync(one.work(replica));
    await eventually(async () => expect(store.isKilled || (await world.outboxOf()).length === 0).toBe(true));
    await replica.stop();
    // died before it proposed anything: nothing was changed, and the caller does it again
    const after = await untouched();
    const proposed = after[1].length > 0 || after[0] > before[0];
    if (!proposed) expect(after).toEqual(before);
    const heir = await world.replica();
    await heir.run();
    if (!proposed) await one.work(heir);
    await world.rest();
    await expectDone(one);
    return store.isKilled;
  };

  it.each(CASES.map((one) => [one.what, one] as const))('while %s, at each of its commits', async (_what, one) => {
    let commits = 0;
    while (await takenOver(one, { at: commits + 1, durable: false })) {
      commits += 1;
      await takenOver(one, { at: commits, durable: true });
    }
    expect(commits).toBeGreaterThan(6);
  });

  it('and two take over at once, beside each other: the outcome is the same', async () => {
    for (const one of CASES) {
      await world.close();
      await world.open();
      await prepare(one);
      // the proposal, and no more
      const { replica } = await world.mortal({ at: 2, durable: false });
      await reasonOfAsync(one.work(replica));
      await replica.stop();
      expect(await world.outboxOf()).toEqual([expect.stringMatching(/^change\./)]);
      const heirs = [await world.replica(), await world.replica()];
      await Promise.all(heirs.map((heir) => heir.drain()));
      await world.rest();
      await expectDone(one);
    }
  });

  it('before CSKMF refuses: the change is taken back by the next', async () => {
    const smf = await world.replica();
    await smf.create([ANN]);
    await world.rest();
    world.server.withoutKey.add(BOB);
    for (const durable of [false, true]) {
      const { replica } = await world.mortal({ at: 2, durable });
      await reasonOfAsync(replica.add([BOB], within(1_000)));
      await replica.stop();
      await (await world.replica()).drain();
      expect(await smf.get()).toMatchObject({ members: [ANN], membershipRevision: 1n });
      expect(await world.outboxOf()).toEqual([]);
    }
    world.server.withoutKey.clear();
    expect(await smf.add([BOB])).toMatchObject({ membershipRevision: 2n });
  });
});
