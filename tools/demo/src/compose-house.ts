/**
 * The deployment of docker-compose.yml, which runs already. The demo is a container beside its services: their names are
 * its addresses, and the operator's files are mounted.
 */
import { parseEntityUri, parseIdentityUri } from '@cpns/core';
import { pemToDers } from '@cpns/certificate-issuance';
import { DeviceWorkshop, Operator, type AdmitOptions, type CollectedSpan } from '@cpns/testing';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { House } from './house';
import { GATEWAYS, gatewayUri, SERVICES } from './plan';

/** Where the compose file puts what an operator has. */
const FILES = '/run/cpns';
const ADDRESSES = {
  server: 'cpns-server:7400',
  smf: 'smf:7420',
  gateway: (uri: string, port: 'certificate' | 'token') => {
    const { pnId, entityId } = parseEntityUri(uri);
    return `${pnId}-${entityId}:${port === 'certificate' ? 7430 : 7431}`;
  },
} as const;

/** What a process of an identity calls itself in its spans; in containers, process ids say nothing. */
function serviceNames(identity: string): readonly string[] {
  const name = parseIdentityUri(identity);
  if (name.kind === 'service') return [name.name];
  // a target PN GW is a device here as a PNE is
  return GATEWAYS.some((gateway) => gatewayUri(gateway) === identity) ? ['pn-gw'] : ['pne'];
}

/** @param traces endpoint that the devices report to, as all containers do */
export async function openComposeHouse(traces: string): Promise<House> {
  const file = (name: string) => join(FILES, name);
  const files = { root: file('root.pem'), chain: file('operator-chain.pem'), key: file('operator.key') };
  const [rootDer] = pemToDers(readFileSync(files.root, 'utf8'));
  if (rootDer === undefined) throw new Error(`${files.root} holds no certificate`);
  const operator = new Operator(
    { server: { uri: SERVICES.server, address: ADDRESSES.server }, smf: { uri: SERVICES.smf, address: ADDRESSES.smf } },
    { root: files.root, rootDer, operator: files },
  );
  const directory = mkdtempSync(join(tmpdir(), 'cpns-demo-'));
  const admit = ({ gateway, assigner, ...admission }: AdmitOptions) =>
    operator.admit({
      ...admission,
      ...(assigner === 'server' ? {} : { assigner }),
      peer: { uri: gateway, address: ADDRESSES.gateway(gateway, 'token') },
    });
  const workshop = new DeviceWorkshop({
    directory,
    root: files.root,
    gateway: (uri) => ({
      uri,
      token: ADDRESSES.gateway(uri, 'token'),
      certificate: ADDRESSES.gateway(uri, 'certificate'),
    }),
    admit,
    common: { CPNS_LOG_LEVEL: 'warn', OTEL_EXPORTER_OTLP_ENDPOINT: traces },
  });
  await operator.connection.ready();
  return {
    store: 'redis',
    operator,
    suffix: `-${randomBytes(4).toString('hex')}`,
    isNew: false,
    health: () => healthOf(operator),
    prepareDevice: (options) => workshop.prepare(options),
    gatewayAddress: (gateway) => ADDRESSES.gateway(gateway, 'token'),
    reportedBy: (identity, { service }) => serviceNames(identity).includes(service),
    isOwn: ({ service }: CollectedSpan) => service === 'demo',
    stop: async () => {
      operator.close();
      await workshop.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function healthOf(operator: Operator): Promise<string> {
  const services = [
    { uri: SERVICES.server, address: ADDRESSES.server },
    { uri: SERVICES.smf, address: ADDRESSES.smf },
    ...GATEWAYS.map(gatewayUri).map((uri) => ({ uri, address: ADDRESSES.gateway(uri, 'certificate') })),
  ];
  for (const service of services) {
    const status = await operator.checkHealth(service);
    if (status !== 'SERVING') throw new Error(`${service.uri} is ${status}`);
  }
  return services.map(({ uri }) => uri).join(', ');
}
