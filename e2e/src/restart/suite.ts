import type { RunningRedis } from '@cpns/store/testing';
import { admissionFlow } from './admission-flow';
import { Campaign } from './campaign';
import { deviceFlow } from './device-flow';
import { leastKills } from './due';
import type { Flow } from './flow';
import { gatewayFlow } from './gateway-flow';
import { House, MAIN_GATEWAY } from './house';

const FLOWS: readonly Flow[] = [
  admissionFlow('admission, assigner Server', 'server'),
  admissionFlow('admission, assigner gateway', MAIN_GATEWAY),
  gatewayFlow,
  deviceFlow('EUK-SRV-S', { form: 'secret', assigner: 'server', until: 'assigned', emptyStore: true }),
  deviceFlow('EUK-SRV-P', { form: 'key-pair', assigner: 'server', until: 'assigned' }),
  deviceFlow('EUK-GW-S', { form: 'secret', assigner: MAIN_GATEWAY, until: 'assigned' }),
  deviceFlow('EUK-GW-P', { form: 'key-pair', assigner: MAIN_GATEWAY, until: 'assigned' }),
  deviceFlow('EUK-GW-VERIFY, secret of a gateway', { form: 'secret', assigner: MAIN_GATEWAY, until: 'registered' }),
  deviceFlow('EUK-GW-VERIFY, certificate of a gateway', {
    form: 'key-pair',
    assigner: MAIN_GATEWAY,
    until: 'registered',
  }),
  deviceFlow('EUK-GW-VERIFY, certificate of the Server', { form: 'key-pair', assigner: 'server', until: 'registered' }),
];

const START_MS = 60_000;
const FLOW_MS = 900_000;
/**
 * At each commit of each flow a process is killed, before it and after it, and started again.
 * @param startRedis for the Server side; a gateway's store and a device's are always embedded
 */
export function restartSuite(storeName: string, startRedis?: () => Promise<RunningRedis>): void {
  describe(`kill -9 at each commit, Server side on the ${storeName} store`, () => {
    let redis: RunningRedis | undefined;
    let house: House | undefined;
    let campaign: Campaign | undefined;

    beforeAll(async () => {
      redis = await startRedis?.();
      house = await House.start(redis?.url);
      campaign = new Campaign(house);
    }, START_MS);
    afterAll(async () => {
      await house?.stop();
      await redis?.stop();
    }, START_MS);

    it.each(FLOWS)('$name is finished, and nothing is lost or doubled', async (flow) => campaign!.run(flow), FLOW_MS);

    it('killed as often as is due', () => {
      const kills = house!.faults.kills();
      process.stdout.write(`${storeName}: kills ${kills.length} of ${campaign!.due} due\n`);
      expect(kills).toHaveLength(campaign!.due);
      expect(campaign!.due).toBeGreaterThanOrEqual(leastKills(FLOWS));
    });
  });
}
