import { FakeClock, reasonOfAsync } from '@cpns/core/testing';
import { FakeServer } from '../testing/fake-server';
import { GatewayStanding } from '../peer-clients/server-link';

const uri = 'cpns://pn1.td.example/pn-gw/gw1';
const certificate = (n: number) => Buffer.alloc(32, n);

describe('the standing of a gateway', () => {
  const setUp = () => {
    const [server, clock] = [new FakeServer(), new FakeClock()];
    server.gateways.set(uri, certificate(1));
    return { server, clock, standing: new GatewayStanding(server, clock) };
  };

  it.each<[string, string, Buffer, string]>([
    ['that is enrolled with this certificate', uri, certificate(1), 'accepted'],
    ['that enrolled anew with another', uri, certificate(2), 'CERTIFICATE_REVOKED'],
    ['that never enrolled', 'cpns://pn1.td.example/pn-gw/gw2', certificate(1), 'CERTIFICATE_REVOKED'],
  ])('%s', async (_what, who, fingerprint, expected) => {
    const { standing } = setUp();
    expect(await reasonOfAsync(standing.check({ uri: who, fingerprint }))).toBe(expected);
  });

  it('is believed for ten seconds, of that certificate alone', async () => {
    const { server, clock, standing } = setUp();
    const check = (n = 1) => reasonOfAsync(standing.check({ uri, fingerprint: certificate(n) }));
    expect(await check()).toBe('accepted');
    server.gateways.delete(uri);
    clock.advance(9_999);
    expect([await check(), server.asked]).toEqual(['accepted', 1]);
    expect(await check(2)).toBe('CERTIFICATE_REVOKED');
    clock.advance(1);
    expect(await check()).toBe('CERTIFICATE_REVOKED');
  });

  it('is not taken for granted while the Server is away, nor is it taken for ended', async () => {
    const { server, clock, standing } = setUp();
    const check = () => reasonOfAsync(standing.check({ uri, fingerprint: certificate(1) }));
    server.away = true;
    expect(await check()).toBe('DEPENDENCY_UNAVAILABLE');
    server.away = false;
    expect(await check()).toBe('accepted');
    server.away = true;
    expect(await check()).toBe('accepted');
    clock.advance(10_000);
    expect(await check()).toBe('DEPENDENCY_UNAVAILABLE');
  });
});
