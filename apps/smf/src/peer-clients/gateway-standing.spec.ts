import { reasonOfAsync } from '@cpns/core/testing';
import { FakeServer } from '../testing/fake-server';
import { GatewayStanding } from '../peer-clients/server-link';

const uri = 'cpns://pn1.td.example/pn-gw/gw1';
const certificate = (n: number) => Buffer.alloc(32, n);

describe('the standing of a gateway', () => {
  const setUp = () => {
    const server = new FakeServer();
    server.gateways.set(uri, certificate(1));
    return { server, standing: new GatewayStanding(server) };
  };

  it.each<[string, string, Buffer, string]>([
    ['that is enrolled with this certificate', uri, certificate(1), 'accepted'],
    ['that enrolled anew with another', uri, certificate(2), 'CERTIFICATE_REVOKED'],
    ['that never enrolled', 'cpns://pn1.td.example/pn-gw/gw2', certificate(1), 'CERTIFICATE_REVOKED'],
  ])('%s', async (_what, who, fingerprint, expected) => {
    const { standing } = setUp();
    expect(await reasonOfAsync(standing.check({ uri: who, fingerprint }))).toBe(expected);
  });

  it('is asked for each time: nothing is remembered of a gateway, and none is let in while the Server is away', async () => {
    const { server, standing } = setUp();
    const check = () => reasonOfAsync(standing.check({ uri, fingerprint: certificate(1) }));
    expect(await check()).toBe('accepted');
    server.away = true;
    expect(await check()).toBe('DEPENDENCY_UNAVAILABLE');
    server.away = false;
    server.gateways.delete(uri);
    expect(await check()).toBe('CERTIFICATE_REVOKED');
  });
});
