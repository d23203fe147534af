import type { RunningRedis } from '@cpns/store/testing';
import { Campaign } from '../campaign';
import { leastKills } from '../due';
import { isOfAnother, isRacy } from './group-due';
import { GROUP_FLOWS } from './group-flows';
import { GroupHouse } from './group-house';

const START_MS = 120_000;
const FLOW_MS = 1_800_000;

/**
 * As `restartSuite`, for the flows of Service Groups: KMC and SMF die too, and every flow has a group of its own.
 * @param startRedis for the Server side; a gateway's store and a device's are always embedded
 */
export function groupRestartSuite(storeName: string, startRedis?: () => Promise<RunningRedis>): void {
  describe(`kill -9 at each commit of the group flows, Server side on the ${storeName} store`, () => {
    let redis: RunningRedis | undefined;
    let groups: GroupHouse | undefined;
    let campaign: Campaign | undefined;

    beforeAll(async () => {
      redis = await startRedis?.();
      groups = await GroupHouse.start(redis?.url);
      campaign = new Campaign(groups.house);
    }, START_MS);
    afterAll(async () => {
      await groups?.stop();
      await redis?.stop();
    }, START_MS);

    it.each(GROUP_FLOWS)(
      '$name is finished, and no version or notice is lost or doubled',
      ({ name, due, ...flow }) =>
        campaign!.run({ name, due, prepare: () => flow.prepare(groups!), isOfAnother: isOfAnother(due), isRacy }),
      FLOW_MS,
    );

    it('killed as often as is due', () => {
      const kills = groups!.house.faults.kills();
      process.stdout.write(`${storeName}, groups: kills ${kills.length} of ${campaign!.due} due\n`);
      expect(kills).toHaveLength(campaign!.due);
      expect(campaign!.due).toBeGreaterThanOrEqual(leastKills(GROUP_FLOWS));
    });
  });
}
