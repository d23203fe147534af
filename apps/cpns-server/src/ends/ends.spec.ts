/** What ends with the right of an entity, a gateway or a CPNS User, what follows, and what the operator is told of it. */
import { RevocationKind, type EndReport } from '@cpns/contracts';
import { perTest } from '@cpns/core/testing';
import { expectRefusal, refusalOf } from '@cpns/platform/testing';
import { changesBy } from '@cpns/store/testing';
import { randomBytes } from 'node:crypto';
import { FirstSeeds } from '../enrolment/first-seeds';
import { DELIVERY_CLAIM } from '../gateway-log/gateway-log';
import { GatewayRecords } from '../gateways/records';
import { A, B, C, D, EndsBench, SECOND } from '../testing/ends-bench';
import { GW, pne } from '../testing/world';
import { MembershipEnds } from './membership-ends';
import { NameList } from './name-list';

const { REVOCATION_KIND_REVOKE: REVOKE, REVOCATION_KIND_SUSPEND: SUSPEND } = RevocationKind;

const bench = perTest(new EndsBench());

/** Without what is empty. */
function shown(report: EndReport | undefined): Readonly<Record<string, unknown>> {
  const { complete, ...items } = report!;
  const named = Object.entries(items).flatMap(([name, list]) => (list?.count ? [[name, list.names] as const] : []));
  return { complete, ...Object.fromEntries<unknown>(named) };
}
const end = async (...request: Parameters<typeof bench.revoke>) => shown((await bench.revoke(...request)).report);

describe('an entity', () => {
  beforeEach(async () => {
    await bench.importKey(A);
    for (const gateway of [GW, SECOND]) await bench.acknowledge(gateway);
    bench.smf.groups.set(A, ['g1', 'g2']);
  });

  it('ends with its key, its admissions and its memberships', async () => {
    const tokenId = await bench.admit(A, GW);
    const waiting = { gatewaysWaiting: [GW, SECOND] };
    const ended = { complete: true, entities: [A], admissions: [tokenId], groups: ['g1', 'g2'] };
    expect(await end({ entity: A })).toEqual({ ...ended, ...waiting });
    expect([await bench.stateOf(A), await bench.admissionState(A, tokenId)]).toEqual([[2n, 'revoked'], 'revoked']);
    expect([bench.smf.told, await bench.due()]).toEqual([[`revoke ${A} 1 2`], []]);
    // the same call again says how it is then, and changes nothing
    for (const gateway of [GW, SECOND]) await bench.acknowledge(gateway);
    expect(await changesBy(bench.store, async () => expect(await end({ entity: A })).toEqual(ended))).toEqual([]);
    expect(bench.smf.requests).toHaveLength(2);
  });

  it('is told of before it is ended, and nothing changes', async () => {
    const tokenId = await bench.admit(A);
    const would = { complete: true, entities: [A], admissions: [tokenId], groups: ['g1', 'g2'] };
    const dry = async () => expect(await end({ entity: A, dryRun: true })).toEqual(would);
    expect(await changesBy(bench.store, dry)).toEqual([]);
    expect(bench.smf.requests).toMatchObject([{ dryRun: true, members: [{ entity: A, life: 1n }] }]);
  });

  it('ends in one life after the other', async () => {
    await bench.revoke({ entity: A });
    await bench.importKey(A);
    await bench.revoke({ entity: A, keepGrace: true });
    expect(await bench.stateOf(A)).toEqual([3n, 'revoked']);
    expect(bench.smf.told).toEqual([`revoke ${A} 1 2`, `revoke with grace ${A} 2 4`]);
  });

  it('ends while SMF is away, which hears of it later', async () => {
    bench.smf.isAway = true;
    expect(await end({ entity: A })).toMatchObject({ complete: false, entities: [A] });
    await bench.carryOn();
    expect(await bench.due()).toHaveLength(1);
    bench.smf.isAway = false;
    await bench.carryOn();
    expect([bench.smf.told, await bench.due()]).toEqual([[`revoke ${A} 1 2`], []]);
  });

  it('is answered in time while SMF is at work on it', async () => {
    bench.smf.isBusy = true;
    expect(await end({ entity: A }, undefined, 1_200)).toMatchObject({ complete: false, groups: ['g1', 'g2'] });
    expect(bench.smf.requests.length).toBeGreaterThan(1);
    bench.smf.isBusy = false;
    await bench.carryOn();
    expect(await bench.due()).toEqual([]);
  });

  it('waits for a gateway that is connected, for a second', async () => {
    const claim = {
      token: randomBytes(16),
      processId: randomBytes(16),
      fingerprint: randomBytes(32),
      otherProcessAt: 0,
    };
    const until = bench.clock.now() + 30_000;
    for (const gateway of [GW, SECOND])
      await bench.on.get(GatewayRecords).transact(gateway, { claim: DELIVERY_CLAIM }, () => ({
        result: undefined,
        put: { claim: { ...claim, until } },
      }));
    const ended = end({ entity: A });
    setTimeout(() => void bench.acknowledge(SECOND), 200);
    expect(await ended).toMatchObject({ complete: true, gatewaysWaiting: [GW] });
  });
});

describe('a gateway', () => {
  it('ends with what it assigned in that life, and nothing else does', async () => {
    await bench.setKey(A, { assigner: GW, assignerLife: 1n });
    await bench.importKey(B);
    await bench.setKey(D, { assigner: SECOND });
    const [ofC, ofB] = [await bench.admit(C, GW), await bench.admit(B, SECOND)];
    const [until, limits] = [BigInt(bench.clock.now() + 60_000), { maxEntities: 1, firstSeed: randomBytes(32) }];
    const seed = { gateway: GW, firstSeedId: 's', assignUntil: until, registerUntil: until, ...limits };
    await bench.on.get(FirstSeeds).import(seed);
    bench.smf.groups.set(A, ['g']);
    await bench.acknowledge(SECOND);
    const would = { complete: true, entities: [A], admissions: [ofC], firstSeeds: ['s'], groups: ['g'] };
    const dry = async () => expect(await end({ entity: GW, dryRun: true })).toEqual(would);
    // an index is filled when it is read first
    expect((await changesBy(bench.store, dry)).filter((change) => !change.startsWith('pn/'))).toEqual([]);
    expect(await end({ entity: GW })).toEqual({ ...would, gatewaysWaiting: [SECOND] });
    const states = await Promise.all([A, B, D].map((entity) => bench.stateOf(entity)));
    expect(states).toEqual([[2n, 'revoked'], [1n, 'live'], [1n, 'live']]); // prettier-ignore
    expect([await bench.admissionState(C, ofC), await bench.admissionState(B, ofB)]).toEqual(['revoked', 'open']);
    expect(bench.smf.told).toEqual([`revoke ${A} 1 2`]);
    expect((await bench.logOf(SECOND)).at(-1)).toBe(`assigner.${GW}.2`);
    await bench.acknowledge(SECOND);
    expect(await changesBy(bench.store, async () => expect(await end({ entity: GW })).toEqual(would))).toEqual([]);
  });

  it('that was revoked before its entities were looked for is ended anew with them', async () => {
    await bench.setKey(A, { assigner: GW });
    await bench.enrol(GW, 'revoked', undefined, 2n);
    expect(await end({ entity: GW })).toEqual({ complete: true, entities: [A] });
    expect(await bench.stateOf(A)).toEqual([2n, 'revoked']);
  });

  it('that is revoked again ends what it assigned since', async () => {
    await bench.setKey(A, { assigner: GW });
    await bench.admit(B);
    await bench.revoke({ entity: GW });
    await bench.enrol(GW, 'live', undefined, 2n);
    await bench.setKey(B, { assigner: GW, assignerLife: 2n });
    expect(await end({ entity: GW })).toMatchObject({ complete: true, entities: [B] });
    expect(bench.smf.told).toEqual([`revoke ${A} 1 2`, `revoke ${B} 1 2`]);
  });

  it('takes the life of an entity along that gets its next key before the end was carried through', async () => {
    await bench.setKey(A, { assigner: GW });
    await bench.enrol(GW, 'revoked', undefined, 2n);
    bench.clock.advance(1);
    await bench.importKey(A);
    expect(await bench.stateOf(A)).toEqual([2n, 'live']);
    await bench.carryOn();
    expect(bench.smf.told).toEqual([`revoke ${A} 1 3`]);
    expect(await end({ entity: GW })).toEqual({ complete: true });
    expect(await bench.stateOf(A)).toEqual([2n, 'live']);
  });
});

describe('a CPNS User', () => {
  it('ends with all that was admitted for that user until then', async () => {
    await bench.importKey(A, 'alice');
    await bench.importKey(B, 'bob');
    await bench.importKey(C, 'alice');
    await bench.revoke({ entity: C });
    const tokens = [await bench.admit(B, '', 'alice'), await bench.admit(D, GW, 'alice')];
    const other = await bench.admit(D, GW, 'bob');
    bench.clock.advance(10);
    const would = await end({ user: 'alice', dryRun: true });
    expect(would).toMatchObject({ complete: true, entities: [A] });
    const report = await end({ user: 'alice' });
    expect(report).toMatchObject({ complete: true, entities: [A, C] });
    expect(new Set(report.admissions as string[])).toEqual(new Set(tokens));
    const states = await Promise.all([A, B, C].map((entity) => bench.stateOf(entity)));
    expect(states).toEqual([[2n, 'revoked'], [1n, 'live'], [2n, 'revoked']]); // prettier-ignore
    expect(await bench.admissionState(D, other)).toBe('open');
    expect(await end({ user: 'alice' })).toEqual(report);
  });

  it('is found also by what an older release recorded', async () => {
    await bench.setKey(A, { user: 'alice' });
    expect(await end({ user: 'alice' })).toMatchObject({ entities: [A] });
  });

  it('that is admitted anew while the end is carried on keeps that', async () => {
    await bench.importKey(A, 'alice');
    const dying = await bench.start({ at: 3, when: 'before' });
    await refusalOf(() => bench.revoke({ user: 'alice' }, dying));
    bench.clock.advance(1);
    const tokenId = await bench.admit(A, '', 'alice');
    await bench.carryOn();
    expect([await bench.stateOf(A), await bench.admissionState(A, tokenId)]).toEqual([[2n, 'revoked'], 'open']);
  });
});

const OUT = 'INVALID_ARGUMENT/FIELD_OUT_OF_RANGE';
describe('a call that is refused changes nothing', () => {
  const keyId = randomBytes(16);
  it.each<[string, Parameters<typeof bench.revoke>[0], string]>([
    ['neither entity nor user', {}, 'INVALID_ARGUMENT/FIELD_MISSING entity'],
    ['both', { entity: A, user: 'alice' }, `${OUT} user`],
    ['a user outside its pattern', { user: 'two words' }, 'INVALID_ARGUMENT/NAME_INVALID user'],
    ['a key of a user', { user: 'alice', keyId }, `${OUT} key_id`],
    ['a short key-id', { entity: A, keyId: randomBytes(15) }, 'INVALID_ARGUMENT/FIELD_SIZE key_id'],
    ['a kind that is none', { entity: A, kind: 9 as RevocationKind }, `${OUT} kind`],
    ['a gateway that is to rest', { entity: GW, kind: SUSPEND }, `${OUT} kind`],
    ['a user that is to rest', { user: 'alice', kind: SUSPEND }, `${OUT} kind`],
    ['an entity that is not there', { entity: B, kind: REVOKE }, 'NOT_FOUND/NOT_FOUND'],
    ['a rest of one that is not there', { entity: B, kind: SUSPEND }, 'NOT_FOUND/NOT_FOUND'],
    ['a key of one that is not there', { entity: B, keyId }, 'NOT_FOUND/NOT_FOUND'],
    ['a gateway that is not there', { entity: GW.replace('/gw', '/gw9') }, 'NOT_FOUND/NOT_FOUND'],
    ['a user that is not there', { user: 'carol' }, 'NOT_FOUND/NOT_FOUND'],
    ['a key whose place another took', { entity: A, keyId }, 'FAILED_PRECONDITION/KEY_REVOKED'],
    ['the rest of such a key', { entity: A, keyId, kind: SUSPEND }, 'FAILED_PRECONDITION/KEY_REVOKED'],
  ])('%s', async (_what, request, expected) => {
    await bench.importKey(A, 'alice');
    await bench.revoke({ user: 'alice', dryRun: true });
    bench.smf.requests.splice(0);
    for (const dryRun of [false, true])
      await expectRefusal(bench.store, () => bench.revoke({ ...request, dryRun }), expected);
    expect(bench.smf.requests).toEqual([]);
  });
});

describe('SMF', () => {
  it('is asked about a thousand entities at a time', async () => {
    const members = Array.from({ length: 2_001 }, (_, n) => ({ entity: pne(`e${n}`), life: 1n, revision: 2n }));
    const asked = { kind: REVOKE, keepGrace: false, isDry: false, until: Date.now() + 10_000 };
    await bench.on.get(MembershipEnds).ask(members, asked);
    expect(bench.smf.requests.map((request) => request.members.length)).toEqual([1_000, 1_000, 1]);
  });
});

it('names a hundred of a list, and counts all', () => {
  const list = new NameList(['a', 'b']);
  list.addAll({ count: 3, names: ['b', 'c'] });
  expect(list.toWire()).toEqual({ count: 4, names: ['a', 'b', 'c'] });
  const long = new NameList(Array.from({ length: 101 }, (_, n) => String(n)));
  expect(long.toWire().count).toBe(101);
  expect(long.toWire().names).toHaveLength(100);
});
