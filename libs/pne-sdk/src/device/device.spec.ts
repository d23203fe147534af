import { newPrivateKey } from '@cpns/certificate-issuance';
import { KeyStorage, LinkSecurity } from '@cpns/contracts';
import { EntityUserKey, systemRandom } from '@cpns/core';
import { FakeClock } from '@cpns/core/testing';
import { currentStep } from '@cpns/telemetry';
import { MemoryLog, MemoryTelemetry } from '@cpns/telemetry/testing';
import { deriveKeyId } from '@cpns/key-derivation';
import { assigner, ENTITY, GATEWAY, SERVER, type Admit } from '../testing/fake-assigner';
import { eachGateway, gateway } from '../testing/fake-gateway';
import { MemoryDeviceStates } from '../testing/memory-device-states';
import { Device, type DeviceOptions } from './device';

// certificates are judged by TLS too, which knows no other time than the real one
const clock = new FakeClock(Date.now());
const log = new MemoryLog();
eachGateway(clock, log);
const telemetry = MemoryTelemetry.forEachTest();
beforeEach(() => {
  gateway.callers.splice(0);
  gateway.unavailable = 0;
});

const CAPABILITIES = {
  linkSecurity: LinkSecurity.LINK_SECURITY_ENCRYPTED,
  keyStorage: KeyStorage.KEY_STORAGE_SOFTWARE,
  softwareVersion: '1.0',
};

const admit = (one: Omit<Admit, 'endpoint'>) => assigner.admit({ ...one, endpoint: gateway.tokenAddress });

const byServer = () => admit({ form: 'secret', by: 'server' });
const byGateway = () => admit({ form: 'secret', by: 'gateway' });

function pause(milliseconds: number): Promise<void> {
  clock.advance(milliseconds);
  return Promise.resolve();
}

const openDevice = (states = new MemoryDeviceStates(), more: Partial<DeviceOptions> = {}) =>
  Device.open({ states, logger: log.logger, clock, pause, certificateAddress: gateway.certificateAddress, ...more });

const CASES = [
  { form: 'secret', by: 'server', flow: 'EUK-SRV-S', step: 5, registers: false },
  { form: 'key-pair', by: 'server', flow: 'EUK-SRV-P', step: 5, registers: true },
  { form: 'secret', by: 'gateway', flow: 'EUK-GW-S', step: 6, registers: true },
  { form: 'key-pair', by: 'gateway', flow: 'EUK-GW-P', step: 6, registers: true },
] as const;

describe.each(CASES)('$flow', ({ form, by, flow, step, registers }) => {
  const entity = `cpns://pn1.example.org/pne/${flow}`;
  const states = new MemoryDeviceStates();
  const steps: unknown[] = [];
  let device: Device;

  beforeAll(async () => {
    states.onCommit = () => steps.push(currentStep());
    device = await openDevice(states);
  });
  afterAll(() => device.close());

  it('assigns a key, and says so as the receiver of the last step', async () => {
    expect(device.status).toEqual({ stage: 'new', entity: '', user: '' });
    const status = await device.assign(admit({ form, by, entity, user: 'alice' }));
    const [stage, assignedBy] = [registers ? 'assigned' : 'live', by === 'server' ? SERVER : GATEWAY];
    expect(status).toMatchObject({ stage, entity, user: 'alice', form, assigner: assignedBy });
    expect(await telemetry.steps()).toMatchObject([{ flow, step, from: GATEWAY, to: entity }]);
    expect(steps).toEqual([
      { flow: form === 'secret' ? 'EUK-SRV-S' : 'EUK-SRV-P', step: 1 },
      { flow, step },
    ]);
  });

  it('changes nothing when it is asked again', async () => {
    const before = states.stored;
    await device.assign();
    expect(states.stored).toBe(before);
  });

  it('registers what the Server does not know yet', async () => {
    const before = assigner.registrations.length;
    const status = await device.register();
    expect(status).toMatchObject({ stage: 'live', entity, keyId: deriveKeyId(assigner.keys.get(entity)!) });
    expect(assigner.registrations.length - before).toBe(registers ? 1 : 0);
    const verify = { flow: 'EUK-GW-VERIFY', step: 5, from: GATEWAY, to: entity };
    expect(await telemetry.steps()).toMatchObject(registers ? [verify] : []);
    const announced = [1, 5].map((one) => ({ flow: 'EUK-GW-VERIFY', step: one }));
    expect(steps.slice(2)).toEqual(registers ? announced : []);
    await device.register();
    expect(assigner.registrations.length - before).toBe(registers ? 1 : 0);
  });

  it('keeps what a live key needs and nothing of how it came', () => {
    expect(states.stored.exchange).toBeUndefined();
    expect(states.stored.live).toMatchObject({ entity, form, gateway: GATEWAY });
    expect(states.stored.live?.privateKey === undefined).toBe(form === 'secret');
  });

  it('calls the gateway as itself', async () => {
    await expect(device.reportCapabilities(CAPABILITIES)).resolves.toBe(clock.now());
    await device.reportCapabilities(CAPABILITIES);
    const kind = form === 'secret' ? 'proof' : 'certificate';
    const caller = { entity, user: 'alice', by: { kind } };
    expect(gateway.callers).toMatchObject([caller, caller]);
  });

  it('is the same device when it is opened again', async () => {
    const again = await openDevice(states);
    expect(again.status).toEqual(device.status);
    await expect(again.reportCapabilities(CAPABILITIES)).resolves.toBeDefined();
    again.close();
  });
});

describe('a run', () => {
  it('has one trace, whatever it needed', async () => {
    gateway.unavailable = 2;
    const device = await openDevice();
    await device.assign(byGateway(), { waitMs: 5_000 });
    const spans = await telemetry.spans();
    expect(new Set(spans.map((span) => span.spanContext().traceId)).size).toBe(1);
    const roots = spans.filter((span) => span.parentSpanContext === undefined);
    expect(roots.map(({ name }) => name)).toEqual(['cpns.assign']);
  });
});

describe('a Server that is away', () => {
  it('ends one attempt with UNAVAILABLE, and nothing is lost', async () => {
    const states = new MemoryDeviceStates();
    const device = await openDevice(states);
    const oneTime = byGateway();
    gateway.unavailable = 1;
    await expect(device.assign(oneTime)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect((await openDevice(states)).assign()).resolves.toMatchObject({ stage: 'assigned' });
    expect(await telemetry.steps()).toHaveLength(1);
  });

  it('is waited for as long as the caller says', async () => {
    const device = await openDevice();
    gateway.unavailable = 4;
    await device.assign(byGateway(), { waitMs: 10_000 });
    gateway.unavailable = 4;
    await expect(device.register({ waitMs: 10_000 })).resolves.toMatchObject({ stage: 'live' });
    gateway.unavailable = 1_000;
    const waiting = (await openDevice()).assign(byGateway(), { waitMs: 10_000 });
    await expect(waiting).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('is waited for also at the first contact, when the gateway is not there yet', async () => {
    const device = await openDevice();
    const oneTime = { ...byServer(), endpoint: '127.0.0.1:1' };
    await expect(device.assign(oneTime, { waitMs: 2_000 })).rejects.toMatchObject({ reason: 'DEPENDENCY_UNAVAILABLE' });
    expect(device.stage).toBe('new');
  });
});

describe('another one-time string', () => {
  it('begins anew while the live key stays in use, and replaces it at the end', async () => {
    const device = await openDevice();
    await device.assign(byGateway());
    const first = await device.register();
    const status = await device.assign(byGateway());
    expect(status).toMatchObject({ stage: 'assigned' });
    await expect(device.reportCapabilities(CAPABILITIES)).resolves.toBeDefined();
    const second = await device.register();
    expect(second.keyId).not.toBe(first.keyId);
    await device.reportCapabilities(CAPABILITIES);
    expect(gateway.callers.at(-1)).toMatchObject({ by: { keyId: Buffer.from(second.keyId!, 'hex') } });
  });

  it('takes the place of one that was refused', async () => {
    const states = new MemoryDeviceStates();
    const device = await openDevice(states);
    const unknown = { ...byServer(), tokenId: 'nobody-knows-it' };
    await expect(device.assign(unknown)).rejects.toMatchObject({ reason: 'TOKEN_UNKNOWN' });
    await expect(device.assign()).rejects.toMatchObject({ reason: 'TOKEN_UNKNOWN' });
    await expect(device.assign(byServer())).resolves.toMatchObject({ stage: 'live' });
  });

  it.each([
    ['by a peer under another root', { rootDigest: Buffer.alloc(32, 7) }, 'PEER_UNEXPECTED', 0],
    ['by another peer than it names', { peer: 'cpns://pn1.example.org/pn-gw/gw2' }, 'PEER_UNEXPECTED', 1],
    ['when it enrols a gateway', { form: 'key-pair', entity: GATEWAY, peer: SERVER }, 'NAME_INVALID', 0],
  ] as const)('is refused %s, before a request is sent', async (_what, change, reason, commits) => {
    const states = new MemoryDeviceStates();
    const before = assigner.assignments.length;
    const oneTime = { ...byServer(), ...change };
    await expect((await openDevice(states)).assign(oneTime)).rejects.toMatchObject({ reason });
    expect(assigner.assignments).toHaveLength(before);
    expect(states.commits).toBe(commits);
  });
});

describe('a device that has nothing', () => {
  it.each([
    ['assign', (device: Device) => device.assign(), 'FIELD_MISSING'],
    ['register', (device: Device) => device.register(), 'NOT_FOUND'],
    ['call', (device: Device) => device.reportCapabilities(CAPABILITIES), 'KEY_UNKNOWN'],
  ] as const)('does not %s', async (_what, act, reason) => {
    await expect(act(await openDevice())).rejects.toMatchObject({ reason });
  });
});

describe('a pre-shared key', () => {
  const secret = new EntityUserKey(systemRandom.bytes(32));
  const entity = 'cpns://pn1.example.org/pne/imported';
  const home = () => ({ gateway: GATEWAY, endpoint: gateway.tokenAddress, root: assigner.root });
  const key = () => ({ ...home(), entity, user: '', secret });

  it('is live at once, and used like any other', async () => {
    const states = new MemoryDeviceStates();
    const device = await openDevice(states);
    assigner.keys.set(entity, secret);
    const live = { stage: 'live', keyId: deriveKeyId(secret), assigner: SERVER };
    await expect(device.importKey(key())).resolves.toMatchObject(live);
    await expect(device.register()).resolves.toMatchObject({ stage: 'live' });
    await device.reportCapabilities(CAPABILITIES);
    expect(gateway.callers).toMatchObject([{ entity, by: { kind: 'proof' } }]);
    await device.importKey(key());
    expect(states.commits).toBe(1);
  });

  it.each([
    ['a gateway of another PN', { gateway: 'cpns://pn2.example.org/pn-gw/gw1' }, 'PN_MISMATCH'],
    ['a PNE as gateway', { gateway: ENTITY }, 'NAME_INVALID'],
    ['an address without a port', { endpoint: 'localhost' }, 'NAME_INVALID'],
  ])('is refused with %s', async (_what, change, reason) => {
    await expect((await openDevice()).importKey({ ...key(), ...change })).rejects.toMatchObject({ reason });
  });

  it('does not replace a key that was assigned', async () => {
    const device = await openDevice();
    await device.assign(admit({ form: 'secret', by: 'server', entity }));
    await expect(device.importKey(key())).rejects.toMatchObject({ reason: 'LIVE_KEY' });
  });
});

it('calls of a certificate holder need the address where a certificate is asked for, which the gateway tells', async () => {
  const holder = async (told: string) => {
    gateway.certificatePort = Number(told);
    const states = new MemoryDeviceStates();
    const device = await openDevice(states);
    await device.assign(admit({ form: 'key-pair', by: 'server' }), { own: { privateKey: newPrivateKey() } });
    await device.register();
    return [device, await Device.open({ states, logger: log.logger, clock })] as const;
  };
  const [device, without] = await holder('0');
  await expect(without.reportCapabilities(CAPABILITIES)).rejects.toMatchObject({ reason: 'CONFIGURATION_INVALID' });
  await expect(device.reportCapabilities(CAPABILITIES)).resolves.toBeDefined();
  const [, told] = await holder(gateway.certificateAddress.replace(/.*:/, ''));
  await expect(told.reportCapabilities(CAPABILITIES)).resolves.toBeDefined();
});

describe('two processes on one store', () => {
  it('do not work on the same device', async () => {
    const states = new MemoryDeviceStates();
    const [one, other] = [await openDevice(states), await openDevice(states)];
    const oneTime = byServer();
    const results = await Promise.allSettled([one.assign(oneTime), other.assign(oneTime)]);
    const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
    expect(reasons).toMatchObject([{ reason: 'CONFLICT' }]);
  });
});

describe('the log', () => {
  it('holds none of the keys', () => {
    const text = log.text();
    expect(text).toContain('key assigned');
    for (const key of assigner.keys.values())
      for (const encoding of ['hex', 'base64', 'base64url'] as const)
        expect(text).not.toContain(key.expose().toString(encoding));
  });
});
