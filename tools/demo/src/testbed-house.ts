import { Deployment, type OtlpCollector } from '@cpns/testing';
import type { House } from './house';
import { GATEWAYS, TRUST_DOMAIN } from './plan';

/** A deployment of the demo's own: every service its own process on this machine. */
export async function startTestbedHouse(traces: OtlpCollector, redis: string | undefined): Promise<House> {
  const deployment = await Deployment.start({
    store: redis === undefined ? 'embedded' : { redis },
    trustDomain: TRUST_DOMAIN,
    gateways: GATEWAYS,
    traces,
    logLevel: 'warn',
  });
  // kept for the judgement of spans after the stop
  const pids = new Map(deployment.services.map((name) => [deployment.uri(name), deployment.pid(name)]));
  const devicePids = (uri: string) =>
    deployment.devices.filter(({ entity }) => entity === uri).flatMap(({ pids: own }) => own);
  return {
    store: redis === undefined ? 'embedded' : 'redis',
    operator: deployment.operator,
    suffix: '',
    isNew: true,
    health: async () => {
      for (const service of deployment.services) {
        const status = await deployment.health(service);
        if (status !== 'SERVING') throw new Error(`${service} is ${status}`);
      }
      return deployment.services.join(', ');
    },
    prepareDevice: (options) => deployment.prepareDevice(options),
    gatewayAddress: (gateway) => deployment.address(gateway, 'token'),
    reportedBy: (identity, { pid }) => pids.get(identity) === pid || devicePids(identity).includes(pid),
    isOwn: ({ pid }) => pid === process.pid,
    stop: () => deployment.stop(),
  };
}
