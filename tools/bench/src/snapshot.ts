/**
 * What a gateway of a large Personal Network is told when it opens its delivery channel for the first time: how long it
 * takes, how many bytes, how much memory at both ends, and what pulls at another gateway of the same network notice of it.
 */
import { createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { dersToPem } from '@cpns/certificate-issuance';
import { PnGatewayServiceService } from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import { connectTo } from '@cpns/grpc';
import { Deployment, peakMiB, Timings, waitUntil, type LocalDevice } from '@cpns/testing';
import type { Comparison } from './compare';
import { liveDevice, liveDevices, pulling } from './device-calls';
import { makeMembers, REAL_GATEWAY, type SceneOptions } from './group-scene';

const ENTITIES = 10_000;
const SECOND = 'second';
const GROUP = 'bench-snapshot';
/** How long pulls are timed before. */
const BEFORE_MS = 10_000;

/** Counts what a server sends to those that call it through here. */
async function countingProxy(address: string) {
  const [host, port] = address.split(':');
  const counted = { bytes: 0 };
  const server = createServer((client) => {
    const upstream = connect(Number(port), host);
    upstream.on('data', (chunk: Buffer) => (counted.bytes += chunk.length));
    client.pipe(upstream).pipe(client);
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const)
      one.on('error', () => other.destroy()).on('close', () => other.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { counted, address: `127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
}

/** The holder of a certificate at a gateway, which knows it once it has a whole snapshot. */
async function askerAt(deployment: Deployment, gateway: string, device: LocalDevice) {
  const { chain, privateKey, root } = await device.liveKey();
  if (chain === undefined || privateKey === undefined) throw new Error('the device has a certificate');
  const key = createPrivateKey({ key: privateKey.expose(), format: 'der', type: 'pkcs8' });
  const connection = connectTo({
    address: deployment.address(gateway, 'certificate'),
    expectedPeer: deployment.uri(gateway),
    tls: {
      root: dersToPem([root]),
      cert: dersToPem(chain),
      key: String(key.export({ type: 'pkcs8', format: 'pem' })),
    },
  });
  const rpc = connection.client(PnGatewayServiceService);
  const isKnown = () =>
    rpc.pullGroupKey({ groupId: 'no-such-group', version: 0n }).then(
      () => true,
      (error: unknown) => error instanceof CpnsError && error.reason === 'NOT_FOUND',
    );
  return { isKnown, close: () => connection.close() };
}

export async function benchSnapshot({ storeName, store, onProgress }: SceneOptions): Promise<Comparison[]> {
  onProgress(`${storeName}: ${ENTITIES} entities with keys`);
  const { pn, id } = REAL_GATEWAY;
  const deployment = await Deployment.start({ store, gateways: [REAL_GATEWAY], logLevel: 'warn' });
  const entities = Array.from({ length: ENTITIES }, (_, n) => deployment.entity(pn, 'pne', `many-${n}`));
  try {
    await makeMembers(deployment, entities);
    const devices = await liveDevices(deployment, 'secret');
    const holder = await liveDevice(deployment, 'key-pair', 0);
    const members = devices.map(({ device }) => device.status.entity);
    await deployment.operator.groups.createGroup({ groupId: GROUP, delivery: 'pull', members });
    const pulls = () => new Timings(devices.map((device) => () => pulling(device, GROUP)));
    const timings = pulls();
    await sleep(BEFORE_MS);
    const before = await timings.stop();
    const proxy = await countingProxy(deployment.address('cpns-server', 'certificate'));
    peakMiB(deployment.pid('cpns-server'));
    const meanwhile = pulls();
    const name = await deployment.addGateway({ pn, id: SECOND }, { CPNS_SERVER_ADDRESS: proxy.address });
    const began = performance.now();
    const asking = await askerAt(deployment, name, holder);
    await waitUntil('the snapshot', asking.isKnown, { withinMs: 120_000, everyMs: 10 });
    const seconds = (performance.now() - began) / 1_000;
    const during = await meanwhile.stop();
    const peakOf = (service: string) => peakMiB(deployment.pid(service)).toFixed(0);
    const gateway = `${pn}/${id}`;
    onProgress(
      `${storeName}: ${ENTITIES} entities in ${seconds.toFixed(1)} s, ${proxy.counted.bytes} bytes of TLS; ` +
        `peak MiB: CPNS Server ${peakOf('cpns-server')}, PN GW ${peakOf(name)}; ` +
        `a pull at ${gateway} meanwhile: p50 ${during.p50.toFixed(1)} ms, p99 ${during.p99.toFixed(1)} ms ` +
        `(before ${before.p50.toFixed(1)} and ${before.p99.toFixed(1)} ms)`,
    );
    for (const device of [...devices, holder]) await device.close();
    asking.close();
    proxy.close();
    return [
      {
        name: `p99 of PullGroupKey while another PN GW gets a snapshot of ${ENTITIES}, ${storeName} Server`,
        unit: 'ms (baseline: before)',
        ours: during.p99,
        baseline: before.p99,
        ratio: during.p99 / before.p99,
      },
    ];
  } finally {
    await deployment.stop();
  }
}
