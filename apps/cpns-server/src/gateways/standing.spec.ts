import { perTest, reasonOfAsync } from '@cpns/core/testing';
import { GatewayStanding } from './records';
import { GW, World } from '../testing/world';

const certificate = (n: number) => Buffer.alloc(32, n);
const world = perTest(new World());

// by its record alone: the list of ended certificates refuses it as well
it.each<[string, number, string]>([
  ['live', 1, 'accepted'],
  ['live', 2, 'CERTIFICATE_REVOKED'],
  ['revoked', 1, 'CERTIFICATE_REVOKED'],
])('a gateway that is %s and shows its certificate %d: %s', async (state, shown, expected) => {
  const standing = world.server.module.get(GatewayStanding, { strict: false });
  const check = () => reasonOfAsync(standing.check({ uri: GW, fingerprint: certificate(shown) }));
  expect(await check()).toBe('CERTIFICATE_REVOKED');
  // one good call first, which warms what may be kept of it
  await world.enrol(GW, 'live', certificate(shown));
  expect(await check()).toBe('accepted');
  await world.enrol(GW, state as 'live' | 'revoked', certificate(1));
  expect(await check()).toBe(expected);
});
