/**
 * Many devices that come to their keys at once through one gateway: both forms, both assigners, none is refused (Q8: each
 * takes a place of the gateway's 1st seed, which all of them share).
 */
import { PnGatewayServiceService } from '@cpns/contracts';
import { forEach } from '@cpns/core';
import { connectTo, type Connection } from '@cpns/grpc';
import { parseOneTimeString, type OneTimeString } from '@cpns/key-derivation';
import { Device } from '@cpns/pne-sdk';
import { MemoryDeviceStates } from '@cpns/pne-sdk/testing';
import { createLogger } from '@cpns/telemetry';
import { Deployment } from '@cpns/testing';
import { readFileSync } from 'node:fs';

const DEVICES = 1_000;
const CONNECTIONS = 20;
/** As patient as a device that is told to wait for its Server. */
const WAIT = { deadlineMs: 60_000 };
const GATEWAY = 'pn1/gw1';
const logger = createLogger({ service: 'pne', level: 'silent' });

async function enrol(oneTime: OneTimeString, root: Buffer, connection: Connection): Promise<string> {
  const gateway = connection.client(PnGatewayServiceService);
  try {
    const device = await Device.open({
      states: new MemoryDeviceStates(),
      logger,
      fetchRoot: () => Promise.resolve(root),
      openChannel: ({ peer }) => ({
        peer,
        assign: async (request) => (await gateway.assignEntityUserKey({ request }, WAIT)).reply,
        register: (request) => gateway.registerEntityUserKey({ request }, WAIT),
        close: () => undefined,
      }),
    });
    await device.assign(oneTime);
    return (await device.register()).stage;
  } catch (error) {
    return String(error);
  }
}

test(`${DEVICES} devices at once, none fails`, async () => {
  const deployment = await Deployment.start({ gateways: [{ pn: 'pn1', id: 'gw1' }] });
  const { root, rootDer } = deployment.pki;
  const [address, expectedPeer] = [deployment.address(GATEWAY, 'token'), deployment.uri(GATEWAY)];
  // devices share connections, so that not the handshakes are what is tried
  const connections = Array.from({ length: CONNECTIONS }, () =>
    connectTo({ address, expectedPeer, tls: { root: readFileSync(root) } }),
  );
  try {
    const admitted: OneTimeString[] = [];
    const admit = async (n: number) => {
      const form = n % 4 < 2 ? 'secret' : 'key-pair';
      const assigner = n % 2 === 0 ? GATEWAY : 'server';
      const entity = deployment.entity('pn1', 'pne', `device-${n}`);
      const { oneTimeString } = await deployment.admit({ entity, form, assigner, gateway: GATEWAY });
      admitted.push(parseOneTimeString(oneTimeString));
    };
    await forEach(Array.from(Array(DEVICES).keys()), admit);
    const outcomes = await Promise.all(
      admitted.map((oneTime, n) => enrol(oneTime, rootDer, connections[n % CONNECTIONS]!)),
    );
    expect(outcomes.filter((outcome) => outcome !== 'live')).toEqual([]);
  } finally {
    for (const connection of connections) connection.close();
    await deployment.stop();
  }
}, 600_000);
