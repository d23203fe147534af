import type { RunningRedis } from '@cpns/store/testing';
import { Campaign, type Flow } from './campaign';
import { House } from './house';

export interface KillSuite {
  readonly what: string;
  /** Of the Server side, besides the CPNS Server. */
  readonly services: readonly ('kmc' | 'smf')[];
  readonly flows: readonly Flow[];
}

jest.setTimeout(1_800_000);

/**
 * At each commit of each flow a process is killed, before it and after it, and started again.
 * @param startRedis for the Server side; a gateway's store and a device's are always embedded
 */
export function killSuite({ what, services, flows }: KillSuite, startRedis?: () => Promise<RunningRedis>): void {
  const storeName = startRedis === undefined ? 'embedded' : 'redis';
  describe(`kill -9 at each commit of the ${what}, Server side on the ${storeName} store`, () => {
    let redis: RunningRedis | undefined;
    let house: House | undefined;
    let campaign: Campaign | undefined;

    beforeAll(async () => {
      redis = await startRedis?.();
      house = await House.start(services, redis?.url);
      await house.provision();
      campaign = new Campaign(house);
    });
    afterAll(async () => {
      await house?.stop();
      await redis?.stop();
    });

    it.each(flows)('$name is finished, and nothing is lost or doubled', (flow) => campaign!.run(flow));

    it('killed as often as is due', () => {
      const { kills } = house!.faults;
      process.stdout.write(`${storeName}, ${what}: kills ${kills.length} of ${campaign!.due} due\n`);
      expect(kills).toHaveLength(campaign!.due);
    });
  });
}
