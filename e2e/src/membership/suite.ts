import { randomInt } from 'node:crypto';
import type { RunningRedis } from '@cpns/store/testing';
import { Campaign } from './campaign';
import { Community, DEVICES, PNS } from './community';
import { retries } from './patience';
import { BARE_REFUSALS } from './trial';

const START_MS = 180_000;
const RUN_MS = 600_000;
const say = (text: string) => process.stdout.write(`${text}\n`);

export interface SuiteOptions {
  readonly storeName: string;
  /** Changes, or batches of them, in each of the groups. */
  readonly rounds: number;
  /** Waits for the first versions to retire, which takes 60 s after the second ones. */
  readonly retirement?: boolean;
  /** For the Server side; a gateway's store and a device's are always embedded. */
  readonly startRedis?: () => Promise<RunningRedis>;
}

/** The seed of a run before, to have the same choices again; otherwise a fresh one. */
function seedOf(): number {
  const given = process.env.CPNS_E2E_SEED;
  if (given === undefined || given === '') return randomInt(2 ** 32);
  if (!/^\d{1,10}$/.test(given)) throw new Error('CPNS_E2E_SEED is a number');
  return Number(given);
}

/** What a campaign of so many rounds in four groups comes to at least. */
const leastOf = (rounds: number) => {
  const versions = 4 * (1 + rounds);
  return {
    versions,
    joins: versions,
    leaves: rounds,
    messages: 2 * versions,
    'opens allowed': 2 * 2 * versions,
    forbidden: 24 * versions,
  };
};

export function membershipSuite({ storeName, rounds, retirement = false, startRedis }: SuiteOptions): void {
  describe(`members come and go, Server side on the ${storeName} store`, () => {
    const seed = seedOf();
    let redis: RunningRedis | undefined;
    let community: Community | undefined;
    let campaign: Campaign;

    beforeAll(async () => {
      say(`membership on ${storeName}: CPNS_E2E_SEED=${seed}`);
      redis = await startRedis?.();
      community = await Community.start(redis?.url);
      campaign = new Campaign(community, seed);
    }, START_MS);
    afterAll(async () => {
      await community?.stop();
      await redis?.stop();
      if (community === undefined) return;
      say(
        `membership on ${storeName}: ${PNS.length} gateways, ${DEVICES} devices\n  ${campaign.tally.toString()}\n  tried again ${retries.count} times`,
      );
    }, START_MS);

    it(
      'every allowed open succeeds, and every forbidden one is refused',
      async () => {
        await campaign.run(rounds);
        if (retirement) await campaign.tryRetired();
        expect(campaign.tally.failures).toEqual([]);
        expect(campaign.tally.of('opened')).toBe(campaign.tally.of('opens allowed'));
        expect(campaign.tally.of('refused')).toBe(campaign.tally.of('forbidden'));
      },
      RUN_MS,
    );

    it(
      'a hoarder opens what it was a member for, and nothing else, with all it ever got and without the SDK',
      async () => {
        await campaign.judge();
        const { tally } = campaign;
        expect(tally.failures).toEqual([]);
        expect(tally.of('hoarders')).toBe(DEVICES);
        const refused = BARE_REFUSALS.map((what) => tally.of(what));
        for (const count of refused) expect(count).toBeGreaterThan(0);
        const tried = refused.reduce((sum, count) => sum + count, tally.of('bare opened'));
        expect(tried).toBe(DEVICES * tally.of('messages'));
      },
      RUN_MS,
    );

    it.each(Object.entries(leastOf(rounds)))('has enough of it: %s', (what, least) => {
      expect(campaign.tally.of(what)).toBeGreaterThanOrEqual(least);
    });
  });
}
