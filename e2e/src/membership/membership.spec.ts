import { startRedis, type RunningRedis } from '@cpns/store/testing';
import { randomUUID } from 'node:crypto';
import { Choices } from './choices';
import { Community, DEVICES, PNS } from './community';
import { GroupLife } from './group-life';
import { Tally, type GroupModel, type GroupTerms } from './model';
import { BARE_REFUSALS, trial } from './trial';

jest.setTimeout(600_000);

const say = (text: string) => process.stdout.write(`${text}\n`);

/** A group for each way in which its key comes, and each way in which members may. */
const GROUPS: readonly GroupTerms[] = (['pull', 'push'] as const).flatMap((delivery) => [
  { groupId: `${delivery}-closed`, delivery, openToJoin: false },
  { groupId: `${delivery}-open`, delivery, openToJoin: true },
]);

/** What a campaign of so many rounds in each group comes to at least. */
const leastOf = (rounds: number) => {
  const versions = GROUPS.length * (1 + rounds);
  return {
    versions,
    joins: versions,
    leaves: rounds,
    messages: 2 * versions,
    'opens allowed': 2 * 2 * versions,
    forbidden: 24 * versions,
  };
};

/** Every version of a push group has reached every network that had a member of it. */
async function reachedLinks({ taps }: Community, model: GroupModel): Promise<void> {
  const { groupId } = model;
  for (let version = 1n; version <= model.newest; version++)
    for (const pn of new Set(model.members(version).map((who) => who.pn)))
      await taps
        .get(pn)!
        .waitFor(
          `version ${version} of ${groupId} for ${pn}`,
          ({ statement }) => statement?.groupId === groupId && statement.version === version,
        );
}

/** With retirement it waits for the first versions to retire, which takes 60 s after the second ones. */
describe.each([
  { storeName: 'embedded', rounds: 10, retirement: true },
  { storeName: 'redis', rounds: 3, retirement: false },
])('members come and go, Server side on the $storeName store', ({ storeName, rounds, retirement }) => {
  /** That of a run before, to have the same choices again. */
  const seed = process.env.CPNS_E2E_SEED ?? randomUUID();
  const tally = new Tally();
  const lives: GroupLife[] = [];
  let redis: RunningRedis | undefined;
  let community: Community | undefined;

  beforeAll(async () => {
    say(`membership on ${storeName}: CPNS_E2E_SEED=${seed}`);
    // a gateway's store and a device's are always embedded
    if (storeName === 'redis') redis = await startRedis();
    community = await Community.start(redis?.url);
    await community.grow();
  });
  afterAll(async () => {
    await community?.stop();
    await redis?.stop();
    const counted = [...tally].map(([what, count]) => `${what} ${count}`);
    say(`membership on ${storeName}: ${PNS.length} gateways, ${DEVICES} devices\n  ${counted.join(', ')}`);
  });

  it('every allowed open succeeds, and every forbidden one is refused', async () => {
    const live = async (terms: GroupTerms) => {
      // each group draws for itself, so that they can go on side by side
      const choices = new Choices(`${seed} ${terms.groupId}`);
      const life = await GroupLife.begin(terms, { community: community!, tally, choices });
      lives.push(life);
      for (let round = 0; round < rounds; round++) await life.round();
      await life.openLate();
    };
    // all of them have ended: none goes on while the deployment is taken down
    for (const result of await Promise.allSettled(GROUPS.map(live)))
      if (result.status === 'rejected') throw result.reason;
    if (retirement) for (const life of lives) await life.tryRetired();
  });

  it('a hoarder opens what it was a member for, and nothing else, with all it ever got and without the SDK', async () => {
    for (const life of lives) if (life.terms.delivery === 'push') await reachedLinks(community!, life);
    await trial(community!, lives, tally);
    expect(tally.get('hoarders')).toBe(DEVICES);
    const refused = BARE_REFUSALS.map((when) => tally.get(`bare refused ${when}`) ?? 0);
    for (const count of refused) expect(count).toBeGreaterThan(0);
    const tried = refused.reduce((sum, count) => sum + count, tally.get('bare opened') ?? 0);
    expect(tried).toBe(DEVICES * lives.flatMap(({ messages }) => messages).length);
  });

  it.each(Object.entries(leastOf(rounds)))('has enough of it: %s', (what, least) => {
    expect(tally.get(what)).toBeGreaterThanOrEqual(least);
  });
});
