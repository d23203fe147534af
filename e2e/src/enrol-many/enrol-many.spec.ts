/**
 * Many devices that come to their keys at once through one gateway: both forms, both assigners, none is refused (Q8: each
 * takes a place of the gateway's 1st seed, which all of them share).
 */
import { PnGatewayServiceService } from '@cpns/contracts';
import { forEach } from '@cpns/core';
import { connectTo, type Connection } from '@cpns/grpc';
import { parseOneTimeString, type KeyForm, type OneTimeString } from '@cpns/key-derivation';
import { Device, type DeviceOptions } from '@cpns/pne-sdk';
import { MemoryDeviceStates } from '@cpns/pne-sdk/testing';
import { createLogger } from '@cpns/telemetry';
import { Deployment } from '@cpns/testing';
import { readFileSync } from 'node:fs';

const DEVICES = 1_000;
const CONNECTIONS = 20;
const ADMITTED_AT_ONCE = 32;
/** As patient as a device that is told to wait for its Server. */
const WAIT_MS = 60_000;
const GATEWAY = 'pn1/gw1';
const logger = createLogger({ service: 'pne', level: 'fatal', destination: { write: () => undefined } });
const KINDS: readonly (readonly [KeyForm, string])[] = [
  ['secret', GATEWAY],
  ['secret', 'server'],
  ['key-pair', GATEWAY],
  ['key-pair', 'server'],
];

/** Devices share connections, so that not the handshakes are what is tried. */
const connectionsTo = (deployment: Deployment): Connection[] => {
  const address = deployment.address(GATEWAY, 'token');
  const root = readFileSync(deployment.pki.root);
  return Array.from({ length: CONNECTIONS }, () =>
    connectTo({ address, expectedPeer: deployment.uri(GATEWAY), tls: { root } }),
  );
};

async function enrol(oneTime: OneTimeString, root: Buffer, connection: Connection): Promise<string> {
  const gateway = connection.client(PnGatewayServiceService);
  const openChannel: DeviceOptions['openChannel'] = ({ peer }) => ({
    peer,
    assign: async (request) => (await gateway.assignEntityUserKey({ request }, { deadlineMs: WAIT_MS })).reply,
    register: async (request) => (await gateway.registerEntityUserKey({ request }, { deadlineMs: WAIT_MS })).reply,
    close: () => undefined,
  });
  try {
    const states = new MemoryDeviceStates();
    const device = await Device.open({ states, logger, openChannel, fetchRoot: () => Promise.resolve(root) });
    await device.assign(oneTime);
    return (await device.register()).stage;
  } catch (error) {
    return String(error);
  }
}

test(`${DEVICES} devices at once, none fails`, async () => {
  const deployment = await Deployment.start({ gateways: [{ pn: 'pn1', id: 'gw1' }] });
  const connections = connectionsTo(deployment);
  try {
    const admitted: OneTimeString[] = [];
    const admit = async (n: number) => {
      const [form, assigner] = KINDS[n % KINDS.length]!;
      const entity = deployment.entity('pn1', 'pne', `device-${n}`);
      const { oneTimeString } = await deployment.admit({ entity, form, assigner, gateway: GATEWAY });
      admitted.push(parseOneTimeString(oneTimeString));
    };
    await forEach(Array.from(Array(DEVICES).keys()), admit, ADMITTED_AT_ONCE);
    const { rootDer } = deployment.pki;
    const began = Date.now();
    const outcomes = await Promise.all(
      admitted.map((oneTime, n) => enrol(oneTime, rootDer, connections[n % CONNECTIONS]!)),
    );
    const seconds = (Date.now() - began) / 1_000;
    process.stdout.write(
      `enrol-many: ${DEVICES} in ${seconds.toFixed(1)} s, ${Math.round(DEVICES / seconds)} a second\n`,
    );
    expect(outcomes.filter((outcome) => outcome !== 'live')).toEqual([]);
  } finally {
    for (const connection of connections) connection.close();
    await deployment.stop();
  }
}, 600_000);
