/** What the entries of a gateway's log say: how things are when they are sent, whatever they were when they were written. */
import { CredentialState, EntityRole, KeyForm } from '@cpns/contracts';
import { parseEntityUri } from '@cpns/core';
import { perTest } from '@cpns/core/testing';
import { outcomeOf } from '@cpns/platform/testing';
import { deathsAt, failingStore, type Failure } from '@cpns/store/testing';
import { randomBytes } from 'node:crypto';
import { Authorities } from '../authorities/authorities';
import { CskmfModule } from '../cskmf/cskmf.module';
import { Admissions } from '../enrolment/admissions';
import { AdmitEntity } from '../enrolment/admit-entity';
import { EnrolmentModule } from '../enrolment/enrolment.module';
import { FirstSeeds } from '../enrolment/first-seeds';
import { ImportEntityUserKey } from '../enrolment/import-entity-user-key';
import { Credentials } from '../entities/credentials';
import { EntityUserKeyModule } from '../entity-user-key/entity-user-key.module';
import { GatewayLog } from '../gateway-log/gateway-log';
import { GatewayOutbox } from '../gateway-log/gateway-outbox';
import { revokeOn } from '../testing/revoke';
import { gateway, GW, GW2, pne, PUSH, World } from '../testing/world';
import type { DeliveryEntry } from './delivery-messages';
import { GatewayDeliveryModule } from './gateway-delivery.module';
import { Snapshot } from './snapshot';

const [A, B, ELSEWHERE] = [pne('a'), pne('b'), pne('a', 'pn2')];
const SECOND = gateway('second');
const { CREDENTIAL_STATE_LIVE: LIVE, CREDENTIAL_STATE_ENDED: ENDED } = CredentialState;

const world = perTest(new World({ gateways: [GW, SECOND, GW2] }));

async function serverOn(failure?: Failure) {
  const store = failure === undefined ? world.store : failingStore(world.store, failure);
  const modules = [CskmfModule, EnrolmentModule, EntityUserKeyModule, GatewayDeliveryModule];
  return (await world.process(store, [{ provide: Authorities, useValue: {} }], modules)).module;
}
let server: Awaited<ReturnType<typeof serverOn>>;
beforeEach(async () => {
  server = await serverOn();
});

const later = () => BigInt(world.clock.now() + 60_000_000);
const importKey = (entity: string, on = server) =>
  on.get(ImportEntityUserKey).execute({ entity, user: '', entityUserKey: randomBytes(32), notAfter: later() });
const revoke = (entity: string, on = server) => revokeOn(on, { entity });
const admit = (entity: string, assigner = GW) =>
  server.get(AdmitEntity).execute({
    entity,
    user: '',
    role: EntityRole.ENTITY_ROLE_TARGET_ENTITY,
    form: KeyForm.KEY_FORM_SECRET,
    assigner,
    tokenAuthKey: randomBytes(32),
    expiresAt: later(),
    dnsNames: [],
    ipAddresses: [],
  });
const seed = (firstSeedId: string) => ({ gateway: GW, firstSeedId });
const importSeed = (firstSeedId: string) =>
  server.get(FirstSeeds).import({
    ...seed(firstSeedId),
    firstSeed: randomBytes(32),
    assignUntil: later(),
    registerUntil: later(),
    maxEntities: 7,
  });

const shown = ({ $case, value }: DeliveryEntry): unknown => {
  if ($case === 'credential') return [value.entity, value.revision, value.life, value.state];
  if ($case === 'tokenGrant' || $case === 'tokenRevocation') return [$case, value.tokenId];
  if ($case === 'firstSeedImport' || $case === 'firstSeedRevocation') return [$case, value.firstSeedId];
  if ($case === 'assignerEnd') return [$case, value.gateway, value.life];
  if ($case === 'groupKey') return [$case, value.statement?.groupId, value.statement?.version];
  return $case;
};
const said = async (to = GW) => (await world.said(to)).map(shown);
const snapshot = async (to = GW) => {
  const all: unknown[] = [];
  for await (const entry of server.get(Snapshot).of(to)) all.push(shown(entry));
  return all;
};

it('tells each gateway of the network that may act how the key of an entity is now', async () => {
  await world.enrol(gateway('ended'), 'revoked');
  await importKey(A);
  await revoke(A);
  await importKey(A);
  for (const to of [GW, SECOND]) expect(await said(to)).toEqual([[A, 3n, 2n, LIVE]]);
  expect([await said(GW2), await said(gateway('ended'))]).toEqual([[], []]);
  await revoke(A);
  expect(await said()).toEqual([[A, 4n, 3n, ENDED]]);
});

it('tells the others of the end of a gateway, with what it assigned', async () => {
  await world.setKey(A, { assigner: GW });
  await revoke(GW);
  expect(await said(SECOND)).toEqual([['assignerEnd', GW, 1n]]);
  expect(await snapshot(SECOND)).toEqual([[A, 2n, 2n, ENDED]]);
  expect(await said()).toEqual([]);
  await world.enrol(GW2, 'live');
  expect(await said(GW2)).toEqual([]);
});

it('grants what is open, revokes what is not, and says nothing of what led to a key', async () => {
  const [open, ended] = [await admit(A), await admit(B)];
  expect(await said()).toEqual([open, ended].map(({ tokenId }) => ['tokenGrant', tokenId]));
  await server.get(Admissions).revoke({ entity: B, tokenId: ended.tokenId });
  expect(await said()).toEqual([
    ['tokenGrant', open.tokenId],
    ['tokenRevocation', ended.tokenId],
  ]);
  world.clock.advance(60_000_000);
  expect(await said()).toEqual([['tokenRevocation', ended.tokenId]]);
});

it('lets a 1st seed be used until it is revoked', async () => {
  await importSeed('s');
  expect(await said()).toEqual([['firstSeedImport', 's']]);
  await server.get(FirstSeeds).revoke(seed('s'));
  expect(await said()).toEqual([['firstSeedRevocation', 's']]);
});

it('passes over entries from before, which had a message in them', async () => {
  const log = server.get(GatewayLog).of(GW);
  for (const dedupeId of ['token-revoked.t', 'first-seed.s', 'key-revoked.k'])
    await log.append(dedupeId, randomBytes(9));
  expect(await said()).toEqual([]);
});

describe('a snapshot', () => {
  it('names what is in force, and nothing else', async () => {
    await importKey(A);
    await importKey(ELSEWHERE);
    const open = await admit(B);
    const ended = await admit(B);
    await admit(B, SECOND);
    await server.get(Admissions).revoke({ entity: B, tokenId: ended.tokenId });
    for (const id of ['s1', 's2']) await importSeed(id);
    await server.get(FirstSeeds).revoke(seed('s2'));
    world.server = await world.process();
    await world.server.create([A], PUSH);
    await world.server.push();
    expect(await snapshot()).toEqual([
      ['firstSeedImport', 's1'],
      [A, 1n, 1n, LIVE],
      ['tokenGrant', open.tokenId],
      ['groupKey', 'g', 1n],
    ]);
    await revoke(A);
    expect(await snapshot()).toContainEqual([A, 2n, 2n, ENDED]);
    world.clock.advance(60_000_000);
    expect(await snapshot()).toEqual([]);
  });

  it('names what was there before the indexes were', async () => {
    world.server = await world.process();
    await world.setKey(A);
    await world.server.create([A], PUSH);
    expect(await snapshot()).toEqual([
      [A, 1n, 1n, LIVE],
      ['groupKey', 'g', 1n],
    ]);
  });

  it('names the active version of a group beside the newest', async () => {
    const delayed = new World({ entities: [A, B], gateways: [GW], activationDelay: 30_000 });
    await delayed.open();
    await delayed.server.create([A], PUSH);
    await delayed.server.update(2n, [B], []);
    const versions: unknown[] = [];
    for await (const entry of delayed.server.module.get(Snapshot).of(GW)) versions.push(shown(entry));
    expect(versions.slice(2)).toEqual([
      ['groupKey', 'g', 1n],
      ['groupKey', 'g', 2n],
    ]);
    await delayed.close();
  });
});

/** What SMF is to hear, what gateways are, key, an entry for each gateway, what is due no more. */
const REVOCATION_COMMITS = 7;

it.each(deathsAt(REVOCATION_COMMITS))('a revocation whose process dies $when commit $at is told', async (failure) => {
  await importKey(A);
  const dying = await serverOn(failure);
  expect(await outcomeOf(revoke(A, dying))).toBe('UNAVAILABLE/DEPENDENCY_UNAVAILABLE');
  const { state, revision } = (await server.get(Credentials).of(parseEntityUri(A)))!;
  world.clock.advance(6_000);
  await server.get(GatewayOutbox).sweep();
  const isRevoked = failure.at > 3 || (failure.at === 3 && failure.when === 'after');
  expect([state, revision]).toEqual(isRevoked ? [ENDED, 2n] : [LIVE, 1n]);
  for (const to of [GW, SECOND]) {
    const { entries } = await server.get(GatewayLog).of(to).read(0n, 10);
    expect(entries.map(({ dedupeId }) => dedupeId)).toEqual(
      isRevoked ? [`credential.${A}.1`, `credential.${A}.2`] : [`credential.${A}.1`],
    );
  }
});

it('a record that cannot be read holds up nothing that concerns others', async () => {
  for (const entity of [A, B]) {
    await importKey(entity);
    await outcomeOf(revoke(entity, await serverOn({ at: 3, when: 'after' })));
    world.clock.advance(1);
  }
  const altered = { kind: 'entity', id: A };
  const { revision } = (await world.store.read(altered, ['key'])).get('key')!;
  const put = [{ name: 'key', value: Buffer.from('altered') }];
  await world.store.commit(altered, { expect: [{ name: 'key', revision }], put });
  world.clock.advance(6_000);
  await server.get(GatewayOutbox).sweep();
  const { entries } = await server.get(GatewayLog).of(GW).read(0n, 10);
  expect(entries.map(({ dedupeId }) => dedupeId)).toEqual([
    `credential.${A}.1`,
    `credential.${B}.1`,
    `credential.${B}.2`,
  ]);
});
