import type { RunningRedis } from '@cpns/store/testing';
import { admissionFlow } from './admission-flow';
import { deviceFlow } from './device-flow';
import type { Flow } from './flow';
import { gatewayFlow } from './gateway-flow';
import { House, MAIN_GATEWAY } from './house';
import { killSuite } from './kill-suite';

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

/** The flows of Entity-User Keys. */
export const restartSuite = (storeName: string, startRedis?: () => Promise<RunningRedis>): void =>
  killSuite({
    what: '',
    storeName,
    startRedis,
    start: async (redisUrl) => {
      const house = await House.start(redisUrl);
      return { house, stop: () => house.stop() };
    },
    flows: FLOWS,
    played: (flow) => flow,
    flowMs: 900_000,
  });
