/**
 * A process that dies before or after each of the commits of an admission that names a gateway, or of its end: another one
 * has the gateway hear what became true.
 */
import { EntityRole, KeyForm } from '@cpns/contracts';
import { perTest } from '@cpns/core/testing';
import { outcomeOf } from '@cpns/platform/testing';
import { deathsAt, failingStore, type Failure } from '@cpns/store/testing';
import { randomBytes } from 'node:crypto';
import { CskmfModule } from '../cskmf/cskmf.module';
import { GatewayLog } from '../gateway-log/gateway-log';
import { GatewayOutbox } from '../gateway-log/gateway-outbox';
import { GW, pne, World } from '../testing/world';
import { Admissions } from './admissions';
import { AdmitEntity } from './admit-entity';
import { EnrolmentModule } from './enrolment.module';

const ENTITY = pne('a');
/** Entity index, token index, what is due, admission, grant, its place, what is due. */
const ADMISSION_COMMITS = 7;
/** What is due, admission, revocation, what is due. */
const REVOCATION_COMMITS = 4;

const world = perTest(new World({ gateways: [GW] }));

const processOn = async (failure?: Failure) => {
  const store = failure === undefined ? world.store : failingStore(world.store, failure);
  return (await world.process(store, [], [CskmfModule, EnrolmentModule])).module;
};

const admit = async (failure?: Failure) =>
  (await processOn(failure)).get(AdmitEntity).execute({
    entity: ENTITY,
    user: '',
    role: EntityRole.ENTITY_ROLE_TARGET_ENTITY,
    form: KeyForm.KEY_FORM_SECRET,
    assigner: GW,
    tokenAuthKey: randomBytes(32),
    expiresAt: BigInt(world.clock.now() + 60_000_000),
    dnsNames: [],
    ipAddresses: [],
  });
const revoke = async (tokenId: string, failure?: Failure) =>
  (await processOn(failure)).get(Admissions).revoke({ entity: ENTITY, tokenId });

const DUE = [{ kind: 'due', id: 'tokens' }, 'due', undefined, 10] as const;
const due = async () => (await world.store.members(...DUE)).items.length;

/** Another process looks for what is left to tell, a while after the first died. */
async function sweep(after = 6_000) {
  world.clock.advance(after);
  await (await processOn()).get(GatewayOutbox).sweep();
}

/** What lies in the gateway's log. */
async function told() {
  const { entries } = await (await processOn()).get(GatewayLog).of(GW).read(0n, 100);
  return entries.map(({ dedupeId }) => dedupeId);
}
const granted = (tokenId: string) => `token.${tokenId}.granted`;
const revoked = (tokenId: string) => `token.${tokenId}.revoked`;

const listed = async () => {
  const request = { entity: ENTITY, pageSize: 0, pageToken: '' };
  return (await (await processOn()).get(Admissions).list(request)).admissions.map(({ admission }) => admission);
};

it('commits so many times when no process dies, and leaves nothing to do', async () => {
  const commits = jest.spyOn(world.store, 'commit');
  const { tokenId } = await admit();
  expect(commits).toHaveBeenCalledTimes(ADMISSION_COMMITS);
  commits.mockClear();
  await revoke(tokenId);
  expect(commits).toHaveBeenCalledTimes(REVOCATION_COMMITS);
  expect([await due(), await told()]).toEqual([0, [granted(tokenId), revoked(tokenId)]]);
});

describe.each(deathsAt(ADMISSION_COMMITS))('an admission whose process dies $when commit $at', (failure) => {
  const isMade = failure.at > 4 || (failure.at === 4 && failure.when === 'after');

  it(isMade ? 'is granted, once' : 'is none', async () => {
    expect(await outcomeOf(admit(failure))).toBe('UNAVAILABLE/DEPENDENCY_UNAVAILABLE');
    await sweep();
    const admissions = isMade ? await listed() : [];
    expect(admissions).toHaveLength(isMade ? 1 : 0);
    expect(await told()).toEqual(admissions.map(({ tokenId }) => granted(tokenId)));
    expect(admissions.map(({ grantSequence }) => grantSequence)).toEqual(isMade ? [1n] : []);
    // of an admission that was never made the place to look at is forgotten
    await sweep(3_600_000);
    expect(await due()).toBe(0);
  });
});

it.each(deathsAt(REVOCATION_COMMITS))('a revocation whose process dies $when commit $at is told', async (failure) => {
  const { tokenId } = await admit();
  expect(await outcomeOf(revoke(tokenId, failure))).toBe('UNAVAILABLE/DEPENDENCY_UNAVAILABLE');
  await sweep(3_700_000);
  const [admission] = await listed();
  const isRevoked = failure.at > 2 || (failure.at === 2 && failure.when === 'after');
  expect(admission?.state).toBe(isRevoked ? 'revoked' : 'open');
  expect((await told()).slice(1)).toEqual(isRevoked ? [revoked(tokenId)] : []);
  expect(await due()).toBe(0);
});

it('leaves what is young to the call that is at work on it', async () => {
  await outcomeOf(admit({ at: 5, when: 'before' }));
  await sweep(1_000);
  expect([await due(), await told()]).toEqual([1, []]);
});

it('grants no admission of a life of its gateway that is over', async () => {
  await outcomeOf(admit({ at: 5, when: 'before' }));
  await world.enrol(GW, 'revoked');
  await sweep();
  expect([await due(), await told()]).toEqual([0, []]);
});
