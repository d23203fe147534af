/** A key that rests: it keeps its life and its place, and is of no use until it goes on. */
import { CredentialState, KeyState, RevocationKind } from '@cpns/contracts';
import { parseEntityUri } from '@cpns/core';
import { perTest, reasonOfAsync } from '@cpns/core/testing';
import { expectRefusal } from '@cpns/platform/testing';
import { changesBy } from '@cpns/store/testing';
import { ListEntityUserKeys } from '../entity-user-key/entity-user-keys';
import { Credentials } from '../entities/credentials';
import { A, B, EndsBench, SECOND } from '../testing/ends-bench';
import { GW } from '../testing/world';

const { REVOCATION_KIND_SUSPEND: SUSPEND, REVOCATION_KIND_RESUME: RESUME } = RevocationKind;

const bench = perTest(new EndsBench());

const rest = (kind: RevocationKind, change: Parameters<typeof bench.revoke>[0] = {}) =>
  bench.revoke({ entity: A, kind, ...change });
const credential = async () => (await bench.on.get(Credentials).of(parseEntityUri(A)))?.state;

it('rests and goes on, which SMF and the gateways hear of each time', async () => {
  await bench.importKey(A);
  bench.smf.groups.set(A, ['g']);
  const { key, report } = await rest(SUSPEND);
  expect(key?.state).toBe(KeyState.KEY_STATE_SUSPENDED);
  expect(report).toMatchObject({ complete: true, entities: { names: [A] }, groups: { names: ['g'] } });
  expect(report?.gatewaysWaiting?.names).toEqual([GW, SECOND]);
  expect([await bench.stateOf(A), await credential()]).toEqual([
    [1n, 'suspended'],
    CredentialState.CREDENTIAL_STATE_SUSPENDED,
  ]);
  const { keys } = await bench.on.get(ListEntityUserKeys).list({ pageSize: 0, pageToken: '' });
  expect(keys).toMatchObject([{ entity: A, state: KeyState.KEY_STATE_SUSPENDED }]);
  expect((await rest(RESUME)).key?.state).toBe(KeyState.KEY_STATE_LIVE);
  expect(await credential()).toBe(CredentialState.CREDENTIAL_STATE_LIVE);
  expect(bench.smf.told).toEqual([`suspend ${A} 1 2`, `resume ${A} 1 3`]);
  expect(await bench.logOf(GW)).toEqual([1, 2, 3].map((revision) => `credential.${A}.${revision}`));
  expect(await bench.due()).toEqual([]);
});

it.each([
  ['a suspension of one that rests', SUSPEND, [SUSPEND]],
  ['a resumption of one that does not rest', RESUME, []],
] as const)('%s changes nothing, and says how it is', async (_what, kind, before) => {
  await bench.importKey(A);
  for (const one of before) await rest(one);
  const again = async () =>
    expect((await rest(kind)).report).toMatchObject({ complete: true, entities: { names: [A] } });
  expect(await changesBy(bench.store, again)).toEqual([]);
});

it('is not brought back by a resumption once it was revoked', async () => {
  await bench.importKey(A);
  await bench.revoke({ entity: A });
  bench.smf.requests.splice(0);
  const { key, report } = await rest(RESUME);
  expect([key?.state, report?.entities?.count]).toEqual([KeyState.KEY_STATE_REVOKED, 0]);
  expect(bench.smf.requests).toEqual([]);
});

it('is told of before, and nothing changes', async () => {
  await bench.importKey(A);
  bench.smf.groups.set(A, ['g']);
  const dry = async () => {
    const { key, report } = await rest(SUSPEND, { dryRun: true });
    expect(key?.state).toBe(KeyState.KEY_STATE_LIVE);
    expect(report).toMatchObject({ entities: { names: [A] }, groups: { names: ['g'] }, gatewaysWaiting: { count: 0 } });
  };
  expect(await changesBy(bench.store, dry)).toEqual([]);
});

it.each<[string, () => Promise<unknown>, string]>([
  ['was revoked', () => bench.importKey(A).then(() => bench.revoke({ entity: A })), 'KEY_REVOKED'],
  ['has expired', () => bench.importKey(A).then(() => bench.clock.advance(60_000_001)), 'KEY_EXPIRED'],
  [
    'ended with its assigner',
    () => bench.setKey(A, { assigner: GW }).then(() => bench.enrol(GW, 'revoked', undefined, 2n)),
    'KEY_REVOKED',
  ],
])('a key that %s does not rest', async (_what, before, reason) => {
  await before();
  await expectRefusal(bench.store, () => rest(SUSPEND), `FAILED_PRECONDITION/${reason}`);
});

it('is replaced by no other, and ends by a revocation', async () => {
  await bench.importKey(A);
  await rest(SUSPEND);
  await expectRefusal(bench.store, () => bench.importKey(A), 'FAILED_PRECONDITION/KEY_SUSPENDED');
  await bench.revoke({ entity: A });
  expect(await bench.stateOf(A)).toEqual([2n, 'revoked']);
  await bench.importKey(A);
  expect(await bench.stateOf(A)).toEqual([2n, 'live']);
});

it('is given no Group Key', async () => {
  await bench.register(A, B);
  await bench.server.create([A, B]);
  await bench.server.pull(A);
  await rest(SUSPEND);
  expect(await reasonOfAsync(bench.server.pull(A))).toBe('KEY_SUSPENDED');
  await bench.server.pull(B);
  await rest(RESUME);
  await bench.server.pull(A);
});

it('is not resumed at SMF in a life that came after', async () => {
  await bench.importKey(A);
  bench.smf.isAway = true;
  await rest(SUSPEND);
  await bench.revoke({ entity: A });
  await bench.importKey(A);
  bench.smf.isAway = false;
  bench.smf.requests.splice(0);
  await bench.carryOn();
  expect([bench.smf.told, await bench.due()]).toEqual([[`revoke ${A} 1 4`], []]);
});
