import { verifyChain, newPrivateKey, signerFromPkcs8 } from '@cpns/certificate-issuance';
import type { Reason } from '@cpns/core';
import { FakeClock } from '@cpns/core/testing';
import type { OneTimeString } from '@cpns/key-derivation';
import { currentStep } from '@cpns/telemetry';
import { MemoryLog, MemoryTelemetry } from '@cpns/telemetry/testing';
import { assigner, GATEWAY, SERVER } from '../testing/fake-assigner';
import { eachGateway, gateway } from '../testing/fake-gateway';
import { Crash, MemoryDeviceStates } from '../testing/memory-device-states';
import { enrolGateway, type EnrolGatewayOptions } from './enrol-gateway';

const clock = new FakeClock(Date.now());
const log = new MemoryLog();
eachGateway(clock, log);
const telemetry = MemoryTelemetry.forEachTest();

const OWN = { form: 'key-pair', by: 'server', entity: GATEWAY, peer: SERVER } as const;
const admit = () => assigner.admit({ ...OWN, endpoint: gateway.serverTokenAddress });
const options = (states: MemoryDeviceStates, more: Partial<EnrolGatewayOptions> = {}): EnrolGatewayOptions => ({
  states,
  logger: log.logger,
  clock,
  ...more,
});

describe('a PN GW that enrols itself', () => {
  it('gets an identity with the role of a gateway, and keeps it', async () => {
    const states = new MemoryDeviceStates();
    const identity = await enrolGateway(options(states), admit());
    const peer = verifyChain({ chain: identity.chain, root: assigner.root, now: clock.now() });
    expect(peer).toMatchObject({ role: 'pn-gw', issuedBy: 'issuing-ca', subject: { name: { uri: GATEWAY } } });
    expect(peer.spki).toEqual(signerFromPkcs8(identity.privateKey).publicKey.spki);
    expect(await enrolGateway(options(states), undefined)).toEqual(identity);
  });

  it('brings its own key where it has one', async () => {
    const privateKey = newPrivateKey();
    const identity = await enrolGateway(options(new MemoryDeviceStates(), { privateKey }), admit());
    expect(identity.privateKey.equals(privateKey)).toBe(true);
  });

  it('belongs to no numbered flow', async () => {
    const states = new MemoryDeviceStates();
    const steps: unknown[] = [];
    states.onCommit = () => steps.push(currentStep());
    await enrolGateway(options(states), admit());
    expect(steps).toEqual([undefined, undefined]);
    expect(await telemetry.steps()).toEqual([]);
  });

  it('replaces its identity by another one-time string, and acts with the old one until then', async () => {
    const states = new MemoryDeviceStates();
    const first = await enrolGateway(options(states), admit());
    gateway.unavailable = 1;
    await expect(enrolGateway(options(states), admit())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(states.stored.identity).toEqual(first);
    const second = await enrolGateway(options(states), undefined);
    expect(second.tokenId).not.toBe(first.tokenId);
    expect(states.stored.exchange).toBeUndefined();
  });

  it.each([
    [1, 'before'],
    [1, 'after'],
    [2, 'before'],
    [2, 'after'],
  ] as const)('goes on after a crash at commit %i, %s it', async (commit, when) => {
    const states = new MemoryDeviceStates();
    states.crashAt = { commit, when };
    const oneTime = admit();
    const before = assigner.assignments.length;
    await expect(enrolGateway(options(states), oneTime)).rejects.toBeInstanceOf(Crash);
    const identity = await enrolGateway(options(states), oneTime);
    expect(identity.entity).toBe(GATEWAY);
    const sent = assigner.assignments.slice(before).map((request) => request.toString('hex'));
    expect(new Set(sent).size).toBe(1);
  });

  it.each<[string, () => OneTimeString | undefined, Reason]>([
    ['a string for a target entity', () => assigner.admit({ form: 'key-pair', by: 'server' }), 'NAME_INVALID'],
    ['nothing at all', () => undefined, 'FIELD_MISSING'],
  ])('is refused with %s', async (_what, oneTime, reason) => {
    const states = new MemoryDeviceStates();
    await expect(enrolGateway(options(states), oneTime())).rejects.toMatchObject({ reason });
    expect(states.commits).toBe(0);
  });
});
