/**
 * A gateway that is away while Group Keys change as often as in an hour, and one that reads one message a second: the
 * CPNS Server’s memory stays bounded, and calls of others are no slower than while the same gateway reads at once.
 */
import { duration, forEach } from '@cpns/core';
import { admitLocally, Deployment, LightGateway, peakMiB, Timings, type LocalDevice } from '@cpns/testing';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

const GATEWAY = 'pn1/gw1';
const GROUP = 'far';
/** Behind the gateway that is away: a version is as many envelopes, in several messages. */
const MEMBERS = 600;
const DEVICES = 8;
/** Of each window: in all, as many changes as an hour has minutes, and more. */
const VERSIONS = 20;
const WINDOWS = 5;
const PAUSE_MS = 1_000;
const SLOWER_AT_MOST = 1.2;
const GROWTH_MIB = 64;

/** How a gateway reads: pauses before each message that it acknowledges, milliseconds; absent: it is not there. */
const READERS = { quick: 0, slow: PAUSE_MS, absent: undefined } as const;
type Reader = keyof typeof READERS;

jest.setTimeout(600_000);
let deployment: Deployment;
const devices: LocalDevice[] = [];

beforeAll(async () => {
  deployment = await Deployment.start({ gateways: [{ pn: 'pn1', id: 'gw1' }] });
  const enrol = async (n: number) => {
    const entity = deployment.entity('pn1', 'pne', `e${n}`);
    const admission = { entity, form: 'secret', assigner: GATEWAY, gateway: GATEWAY } as const;
    const { local, oneTimeString } = await admitLocally(deployment, admission);
    devices.push(await local.enrol(oneTimeString));
  };
  await forEach(
    Array.from({ length: DEVICES }, (_, n) => n),
    enrol,
    DEVICES,
  );
});
afterAll(async () => {
  for (const device of devices) await device.close();
  await deployment?.stop();
});

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

test('who reads slowly, or not at all, costs others nothing', async () => {
  const { groups } = deployment.operator;
  const far = Array.from({ length: MEMBERS }, (_, n) => deployment.entity('pn2', 'pne', `far-${n}`));
  const importKey = (entity: string) => deployment.operator.importKey(entity, '', randomBytes(32), duration(1, 'day'));
  await forEach(far, importKey, 8);
  await groups.createGroup({
    groupId: 'near',
    delivery: 'pull',
    members: devices.map(({ device }) => device.status.entity),
  });
  await groups.createGroup({ groupId: GROUP, delivery: 'push', members: far.slice(1) });

  const p99: Record<Reader, number[]> = { quick: [], slow: [], absent: [] };
  const peaks: number[] = [];
  const server = deployment.pid('cpns-server');
  for (let window = 0; window < WINDOWS; window += 1)
    for (const reader of Object.keys(READERS) as Reader[]) {
      const light = await LightGateway.enrol(deployment, { pn: 'pn2', id: 'light' });
      const pause = READERS[reader];
      const channel =
        pause === undefined
          ? undefined
          : light.holdDeliveries(light.connect('cpns-server'), () => undefined, pause).catch(() => undefined);
      peakMiB(server);
      const timings = new Timings(
        devices.map(
          ({ device }) =>
            () =>
              device.call((rpc, how) => rpc.pullGroupKey({ groupId: 'near', version: 0n }, how)),
        ),
      );
      for (let n = 0; n < VERSIONS; n += 1) {
        if (n % 2 === 0) await groups.addMembers(GROUP, far.slice(0, 1));
        else await groups.removeMembers(GROUP, far.slice(0, 1));
        await sleep(100);
      }
      p99[reader].push((await timings.stop()).p99);
      peaks.push(peakMiB(server));
      light.close();
      await channel;
    }
  const said = Object.entries(p99).map(([reader, values]) => `${reader} ${median(values).toFixed(1)} ms`);
  process.stdout.write(
    `  p99 of a pull: ${said.join(', ')}; peaks of the Server: ${peaks.map((one) => one.toFixed(0)).join(', ')} MiB\n`,
  );
  expect(Math.max(...peaks.slice(3)) - Math.max(...peaks.slice(0, 3))).toBeLessThan(GROWTH_MIB);
  for (const reader of ['slow', 'absent'] as const)
    expect(median(p99[reader]) / median(p99.quick)).toBeLessThanOrEqual(SLOWER_AT_MOST);
});
