/** Group Keys through a device, over TLS on 127.0.0.1: by proof in form secret, by mutual TLS in form key pair. */
import type { GroupKeyDelivery } from '@cpns/contracts';
import { eventually, FakeClock } from '@cpns/core/testing';
import { deriveKeyId } from '@cpns/key-derivation';
import type { Records } from '@cpns/store';
import { recordsOn, temporaryStore, type TemporaryStore } from '@cpns/store/testing';
import { MemoryLog } from '@cpns/telemetry/testing';
import { randomUUID } from 'node:crypto';
import { assigner } from '../testing/fake-assigner';
import { eachGateway, gateway } from '../testing/fake-gateway';
import type { AcceptedDelivery } from '../group-key/group-state';
import type { DeviceStates } from '../state/device-state';
import { SealedDeviceStates } from '../state/sealed-device-states';
import { Device } from './device';

const clock = new FakeClock(Date.now());
const log = new MemoryLog();
eachGateway(clock, log);
let temporary: TemporaryStore;
let records: Records;

beforeAll(async () => {
  temporary = await temporaryStore();
  records = await recordsOn(temporary.store);
});
afterAll(() => temporary.dispose());

const deliveries: GroupKeyDelivery[] = [];
const newStates = () => new SealedDeviceStates(records, randomUUID());
const openDevice = (states: DeviceStates = newStates()) =>
  Device.open({
    states,
    logger: log.logger,
    clock,
    certificateAddress: gateway.certificateAddress,
    onGroupKeyDelivery: (delivery) => void deliveries.push(delivery),
  });

async function live(name: string, form: 'secret' | 'key-pair', by: 'server' | 'gateway', states?: DeviceStates) {
  const device = await openDevice(states);
  const entity = `cpns://pn1.example.org/pne/${name}`;
  await device.assign(assigner.admit({ form, by, entity, endpoint: gateway.tokenAddress }));
  await device.register();
  const secret = assigner.keys.get(entity)!;
  gateway.groups.register({ entity, secret, keyId: deriveKeyId(secret) });
  return device;
}

const HELLO = Buffer.from('hello');

describe('a device’s groups', () => {
  it('need a live key', async () => {
    const device = await openDevice();
    await expect(device.groups.pull('g')).rejects.toMatchObject({ reason: 'KEY_UNKNOWN' });
    await expect(device.groups.list()).resolves.toEqual([]);
  });

  it('are joined, sealed and opened in, and left, in every form', async () => {
    const [a, b] = [await live('a', 'secret', 'server'), await live('b', 'key-pair', 'server')];
    const [c, d] = [await live('c', 'secret', 'gateway'), await live('d', 'key-pair', 'gateway')];
    const devices = [a, b, c, d];
    gateway.groups.version('home', [a.status.entity]);
    for (const device of devices) await device.groups.join('home');
    for (const device of devices) await device.groups.pull('home');
    const message = await a.groups.seal('home', HELLO);
    const content = { groupId: 'home', version: 4n, sender: a.status.entity, plaintext: HELLO };
    for (const device of [b, c, d]) await expect(device.groups.open(message)).resolves.toEqual(content);
    await d.groups.leave('home');
    await a.groups.pull('home');
    const after = await a.groups.seal('home', HELLO);
    await expect(b.groups.open(after)).resolves.toMatchObject({ version: 5n });
    await expect(d.groups.open(after)).rejects.toMatchObject({ reason: 'NOT_A_MEMBER' });
    await expect(d.groups.pull('home')).rejects.toMatchObject({ reason: 'NOT_A_MEMBER' });
    expect(deliveries.length).toBeGreaterThan(0);
    for (const device of devices) device.close();
  });

  it.each([
    ['proof', 'secret'],
    ['certificate', 'key-pair'],
  ] as const)('are watched by %s, over streams that are made again', async (_what, form) => {
    const device = await live(`watcher-${form}`, form, 'server');
    const { entity } = device.status;
    gateway.groups.version(form, [entity]);
    const stop = new AbortController();
    const taken: AcceptedDelivery[] = [];
    const watching = device.groups.watch({ signal: stop.signal, onDelivery: (one) => taken.push(one) });
    await eventually(() => expect(gateway.groups.watching).toBe(1));
    gateway.groups.push(entity, gateway.groups.delivery(form, 1n, entity));
    await eventually(() => expect(taken).toHaveLength(1));
    gateway.groups.breakStreams();
    const { opened } = gateway.groups;
    await eventually(() => expect([gateway.groups.opened > opened, gateway.groups.watching]).toEqual([true, 1]));
    gateway.groups.version(form, [entity]);
    gateway.groups.push(entity, gateway.groups.delivery(form, 2n, entity));
    await eventually(() => expect(taken).toHaveLength(2));
    await expect(device.groups.status(form)).resolves.toMatchObject({ version: 2n, versions: [1n, 2n] });
    stop.abort();
    await watching;
    device.close();
  });

  it('are there again in the next process', async () => {
    const states = newStates();
    const device = await live('restarted', 'secret', 'server', states);
    const { entity } = device.status;
    gateway.groups.version('diary', [entity]);
    const message = await device.groups.seal('diary', HELLO);
    device.close();
    gateway.unavailable = 1_000;
    const next = await openDevice(states);
    await expect(next.groups.open(message)).resolves.toMatchObject({ plaintext: HELLO });
    await expect(next.groups.seal('diary', HELLO)).resolves.toBeInstanceOf(Buffer);
    gateway.unavailable = 0;
    next.close();
  });

  it('are taken over by the next key of the same entity', async () => {
    const states = newStates();
    const device = await live('renewed', 'secret', 'server', states);
    gateway.groups.version('notes', [device.status.entity]);
    await device.groups.pull('notes');
    await device.assign(
      assigner.admit({ form: 'secret', by: 'server', entity: device.status.entity, endpoint: gateway.tokenAddress }),
    );
    gateway.groups.version('notes', [device.status.entity]);
    await expect(device.groups.pull('notes')).resolves.toMatchObject({ versions: [1n, 2n] });
    device.close();
  });
});
