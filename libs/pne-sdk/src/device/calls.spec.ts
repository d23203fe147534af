/** Calls of a live key: the proofs that go with them, in both forms, and whose clock they follow. */
import { newPrivateKey } from '@cpns/certificate-issuance';
import { KeyStorage, LinkSecurity } from '@cpns/contracts';
import { type ConfirmKey, type CpnsError, serviceUri } from '@cpns/core';
import { FakeClock } from '@cpns/core/testing';
import { verifierTimeMac } from '@cpns/key-derivation';
import { MemoryLog } from '@cpns/telemetry/testing';
import { assigner, GATEWAY, SERVER, TRUST_DOMAIN } from '../testing/fake-assigner';
import { eachGateway, type FakeGateway, gateway } from '../testing/fake-gateway';
import { MemoryDeviceStates } from '../testing/memory-device-states';
import { Device, type DeviceOptions } from './device';

// certificates are judged by TLS too, which knows no other time than the real one
const clock = new FakeClock(Date.now());
const { logger } = new MemoryLog();
eachGateway(clock);
beforeEach(() => {
  gateway.ahead.clear();
  gateway.tell = () => ({});
  gateway.proofs.splice(0);
});

const CAPABILITIES = {
  linkSecurity: LinkSecurity.LINK_SECURITY_ENCRYPTED,
  keyStorage: KeyStorage.KEY_STORAGE_SOFTWARE,
  softwareVersion: '1.0',
};

/** A true MAC, over something else. */
const macOf =
  (mac: (key: ConfirmKey, nonce: Uint8Array, verifierTimeMs: number) => Buffer): FakeGateway['tell'] =>
  ({ verifier_time_ms: ms }, { nonce }, key) => ({ time_mac: mac(key, nonce, Number(ms)).toString('hex') });

describe('calls', () => {
  const live = async (form: 'secret' | 'key-pair' = 'secret', more: Pick<DeviceOptions, 'pause'> = {}) => {
    const { certificateAddress } = gateway;
    const device = await Device.open({ states: new MemoryDeviceStates(), logger, clock, certificateAddress, ...more });
    const oneTime = assigner.admit({ form, by: 'server', endpoint: gateway.tokenAddress });
    await device.assign(oneTime, form === 'secret' ? {} : { own: { privateKey: newPrivateKey() } });
    await device.register();
    return device;
  };
  const SMF = serviceUri(TRUST_DOMAIN, 'smf');
  const refused = (device: Device) => device.reportCapabilities(CAPABILITIES).then(() => '', reasonIn);
  const reasonIn = (error: unknown) => (error as CpnsError).reason;

  it.each(['secret', 'key-pair'] as const)(
    'that others decide on have an own proof for them (form %s)',
    async (form) => {
      const device = await live(form);
      gateway.groups.version('own', []);
      await device.reportCapabilities(CAPABILITIES);
      await device.call((rpc, how) => rpc.joinServiceGroup({ groupId: 'own' }, how));
      await device.call((rpc, how) => rpc.leaveServiceGroup({ groupId: 'own' }, how));
      const own = gateway.proofs.filter(({ audience }) => audience !== GATEWAY);
      expect(own.map(({ audience }) => audience)).toEqual([SERVER, SMF, SMF]);
      // a service takes them in the order of their times only, and the clock stands still
      expect(own[2]!.timeMs).toBeGreaterThan(own[1]!.timeMs);
      expect(gateway.proofs.length - own.length).toBe(form === 'secret' ? 3 : 0);
    },
  );

  it.each([300_000, -300_000])('follow the clock of each verifier by itself (%i ms)', async (offset) => {
    const device = await live();
    gateway.ahead.set(SERVER, offset);
    await device.reportCapabilities(CAPABILITIES);
    gateway.ahead.set(GATEWAY, -offset);
    await device.reportCapabilities(CAPABILITIES);
    const times = gateway.proofs.slice(-2).map(({ audience, timeMs }) => [audience, timeMs - clock.now()] as const);
    // the clock stands still, and it is the third proof for the Server
    expect(times).toEqual([
      [GATEWAY, -offset],
      [SERVER, offset + 2],
    ]);
    gateway.groups.version('late', []);
    await device.call((rpc, how) => rpc.joinServiceGroup({ groupId: 'late' }, how));
    expect(gateway.proofs.at(-1)).toMatchObject({ audience: SMF, timeMs: clock.now() });
  });

  it.each<[string, FakeGateway['tell']]>([
    ['without a MAC', () => ({ time_mac: '' })],
    ['with a MAC of nobody', () => ({ time_mac: '0'.repeat(64) })],
    ['with the MAC of another time', ({ verifier_time_ms: ms }) => ({ verifier_time_ms: String(Number(ms) + 1) })],
    ['with the MAC for another audience', macOf((key, nonce, ms) => verifierTimeMac(key, SMF, nonce, ms))],
    ['with the MAC of another proof', macOf((key, _nonce, ms) => verifierTimeMac(key, SERVER, Buffer.alloc(16), ms))],
  ])('follow no clock that is told %s', async (_what, tell) => {
    const device = await live();
    gateway.ahead.set(SERVER, 300_000);
    gateway.tell = tell;
    for (let n = 0; n < 2; n++) expect(await refused(device)).toBe('PROOF_OUTSIDE_WINDOW');
    gateway.ahead.clear();
    await device.reportCapabilities(CAPABILITIES);
    expect(gateway.proofs.at(-1)!.timeMs - clock.now()).toBeLessThan(10);
  });

  it('are repeated for 5 s after a registration where the gateway does not know the key yet', async () => {
    const pauses: number[] = [];
    const pause = (milliseconds: number) => {
      pauses.push(milliseconds);
      clock.advance(milliseconds);
      return Promise.resolve();
    };
    const device = await live('secret', { pause });
    gateway.unknown = 2;
    await device.reportCapabilities(CAPABILITIES);
    expect(pauses).toHaveLength(2);
    gateway.unknown = Infinity;
    expect(await refused(device)).toBe('KEY_UNKNOWN');
    expect(pauses.reduce((sum, one) => sum + one)).toBe(5_000);
    const until = pauses.length;
    expect(await refused(device)).toBe('KEY_UNKNOWN');
    expect(pauses).toHaveLength(until);
    gateway.unknown = 0;
  });

  it.each([
    [90_000, '90 s behind'],
    [-90_000, '90 s ahead of'],
  ])('say how far the clock is off where they do not follow (%i ms)', async (offset, words) => {
    const device = await live();
    gateway.ahead.set(GATEWAY, offset);
    gateway.tell = () => ({ time_mac: '' });
    const message = expect.stringContaining(words) as string;
    const refusal = { reason: 'PROOF_OUTSIDE_WINDOW', message, metadata: { difference_ms: String(-offset) } };
    await expect(device.reportCapabilities(CAPABILITIES)).rejects.toMatchObject(refusal);
  });
});
