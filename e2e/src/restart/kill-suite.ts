import type { RunningRedis } from '@cpns/store/testing';
import { Campaign } from './campaign';
import { leastKills, type NamedFlow } from './due';
import type { Flow } from './flow';
import type { House } from './house';

/** What the flows of a suite are played in. */
export interface Stage {
  readonly house: House;
  stop(): Promise<void>;
}

export interface KillSuite<S extends Stage, F extends NamedFlow> {
  /** As titles have it. */
  readonly what: string;
  readonly storeName: string;
  /** For the Server side; a gateway's store and a device's are always embedded. */
  readonly startRedis?: (() => Promise<RunningRedis>) | undefined;
  readonly start: (redisUrl?: string) => Promise<S>;
  readonly flows: readonly F[];
  readonly played: (flow: F, stage: S) => Flow;
  /** Milliseconds for one flow. */
  readonly flowMs: number;
}

const START_MS = 120_000;

/** At each commit of each flow a process is killed, before it and after it, and started again. */
export function killSuite<S extends Stage, F extends NamedFlow>(suite: KillSuite<S, F>): void {
  const { what, storeName, startRedis, start, flows, played, flowMs } = suite;
  describe(`kill -9 at each commit${what}, Server side on the ${storeName} store`, () => {
    let redis: RunningRedis | undefined;
    let stage: S | undefined;
    let campaign: Campaign | undefined;

    beforeAll(async () => {
      redis = await startRedis?.();
      stage = await start(redis?.url);
      campaign = new Campaign(stage.house);
    }, START_MS);
    afterAll(async () => {
      await stage?.stop();
      await redis?.stop();
    }, START_MS);

    it.each(flows)(
      '$name is finished, and nothing is lost or doubled',
      (flow) => campaign!.run(played(flow, stage!)),
      flowMs,
    );

    it('killed as often as is due', () => {
      const kills = stage!.house.faults.kills();
      process.stdout.write(`${storeName}${what}: kills ${kills.length} of ${campaign!.due} due\n`);
      expect(kills).toHaveLength(campaign!.due);
      expect(campaign!.due).toBeGreaterThanOrEqual(leastKills(flows));
    });
  });
}
