import type { RunningRedis } from '@cpns/store/testing';
import { Campaign } from './campaign';
import { leastKills } from './due';
import type { Flow } from './flow';
import type { House, HouseOptions } from './house';

export interface KillSuite<H extends House> {
  readonly what: string;
  readonly start: (options: HouseOptions) => Promise<H>;
  readonly flows: readonly Flow<H>[];
  /** Milliseconds for one flow. */
  readonly flowMs: number;
}

const START_MS = 120_000;

/**
 * At each commit of each flow a process is killed, before it and after it, and started again.
 * @param startRedis for the Server side; a gateway's store and a device's are always embedded
 */
export function killSuite<H extends House>(
  { what, start, flows, flowMs }: KillSuite<H>,
  startRedis?: () => Promise<RunningRedis>,
): void {
  const storeName = startRedis === undefined ? 'embedded' : 'redis';
  describe(`kill -9 at each commit of the ${what}, Server side on the ${storeName} store`, () => {
    let redis: RunningRedis | undefined;
    let house: H | undefined;
    let campaign: Campaign<H> | undefined;

    beforeAll(async () => {
      redis = await startRedis?.();
      house = await start({ redis: redis?.url });
      campaign = new Campaign(house);
    }, START_MS);
    afterAll(async () => {
      await house?.stop();
      await redis?.stop();
    }, START_MS);

    it.each(flows)('$name is finished, and nothing is lost or doubled', (flow) => campaign!.run(flow), flowMs);

    it('killed as often as is due', () => {
      const { kills } = house!.faults;
      process.stdout.write(`${storeName}, ${what}: kills ${kills.length} of ${campaign!.due} due\n`);
      expect(kills).toHaveLength(campaign!.due);
      expect(campaign!.due).toBeGreaterThanOrEqual(leastKills(flows.flatMap(({ due }) => due)));
    });
  });
}
