/** A gateway that is to be revoked by a date. */
import type { RetireGatewayRequest } from '@cpns/contracts';
import { perTest } from '@cpns/core/testing';
import { expectRefusal, refusalOf } from '@cpns/platform/testing';
import { ListGateways } from '../enrolment/list-gateways';
import { GatewayRecords } from '../gateways/records';
import { A, B, C, EndsBench, SECOND } from '../testing/ends-bench';
import { gateway, GW } from '../testing/world';
import { RetireGateway, RetirementsLoop } from './retire-gateway';

const bench = perTest(new EndsBench());
const HOUR = 3_600_000;

const retire = (after: number, change: Partial<RetireGatewayRequest> = {}) => {
  const at = after === 0 ? 0n : BigInt(bench.clock.now() + after);
  return bench.on.get(RetireGateway).execute({ entity: GW, at, ...change }, Date.now() + 5_000);
};
const look = async () => (await bench.start()).get(RetirementsLoop).round();
const shownGateway = async () => {
  const { revoked, retireAt } = await bench.on.get(ListGateways).get({ entity: GW });
  return [revoked, retireAt];
};

it('keeps everything until then, names what is to be moved, and takes no new admission', async () => {
  await bench.setKey(A, { assigner: GW });
  await bench.importKey(B);
  bench.smf.groups.set(A, ['g']);
  const date = BigInt(bench.clock.now() + HOUR);
  const report = await retire(HOUR);
  expect(report).toMatchObject({ entities: { names: [A] }, groups: { names: ['g'] } });
  expect(await shownGateway()).toEqual([false, date]);
  expect(await refusalOf(() => bench.admit(C, GW))).toMatchObject({ reason: 'GATEWAY_RETIRING' });
  await bench.admit(C, SECOND);
  await look();
  expect([await bench.stateOf(A), await shownGateway()]).toEqual([
    [1n, 'live'],
    [false, date],
  ]);
  bench.clock.advance(HOUR + 1);
  await look();
  expect([await bench.stateOf(A), await shownGateway()]).toEqual([
    [2n, 'revoked'],
    [true, 0n],
  ]);
  expect(await bench.stateOf(B)).toEqual([1n, 'live']);
  expect([bench.smf.told, await bench.due()]).toEqual([[`revoke with grace ${A} 1 2`], []]);
});

it('goes by the last date, and by none that was taken back', async () => {
  await retire(HOUR);
  await retire(2 * HOUR);
  bench.clock.advance(HOUR + 1);
  await look();
  expect((await shownGateway())[0]).toBe(false);
  await retire(0);
  await bench.admit(C, GW);
  bench.clock.advance(HOUR);
  await look();
  expect(await shownGateway()).toEqual([false, 0n]);
});

it('is revoked once, whichever replicas look', async () => {
  await retire(HOUR);
  bench.clock.advance(HOUR + 1);
  await Promise.all([look(), look()]);
  const { life } = (await bench.on.get(GatewayRecords).identityOf(GW))!;
  expect([life, (await bench.logOf(SECOND)).filter((entry) => entry.startsWith('assigner.'))]).toEqual([
    2n,
    [`assigner.${GW}.2`],
  ]);
});

it.each<[string, Partial<RetireGatewayRequest>, string]>([
  ['a date that has passed', { at: 1n }, 'INVALID_ARGUMENT/FIELD_OUT_OF_RANGE at'],
  ['a date that is none', { at: 1n << 60n }, 'INVALID_ARGUMENT/FIELD_OUT_OF_RANGE at'],
  ['no gateway', { entity: '' }, 'INVALID_ARGUMENT/FIELD_MISSING entity'],
  ['one that is not there', { entity: gateway('gw9') }, 'NOT_FOUND/NOT_FOUND'],
  ['one that was revoked', { entity: gateway('ended') }, 'FAILED_PRECONDITION/GATEWAY_NOT_PROVISIONED'],
])('refuses %s, and changes nothing', async (_what, change, expected) => {
  await bench.enrol(gateway('ended'), 'revoked');
  await expectRefusal(bench.store, () => retire(HOUR, change), expected);
});
