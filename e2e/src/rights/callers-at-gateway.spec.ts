/**
 * Who is let in at a gateway (rows A2 and A4): the holder of the live key of an entity, and no other certificate of that name;
 * once the key has ended, also by the end of the gateway that assigned it, neither a call nor an open watch.
 */
import { PnGatewayServiceService } from '@cpns/contracts';
import { parseOneTimeString, type KeyForm } from '@cpns/key-derivation';
import { admitLocally, waitUntil, type AdmittedDevice, type LocalDevice } from '@cpns/testing';
import {
  certificateDraft,
  certificateFor,
  sealCertificateRegistration,
  Wire,
  type Credential,
  type TestGateway,
} from '@cpns/testing/bad-input';
import { reasonOf, Replicas } from './replicas';

const HOME = { pn: 'home', id: 'gw' };
const GATEWAY = `${HOME.pn}/${HOME.id}`;
const WITHIN_MS = 1_000;
const GROUP = { groupId: 'no-such-group' };

jest.setTimeout(180_000);
const world = new Replicas();
beforeAll(() => world.start(HOME));
afterAll(() => world.stop());

const { pullGroupKey, joinServiceGroup, leaveServiceGroup } = PnGatewayServiceService;
/** What the holder of a live key is answered: a request to join or leave has to have the entity's own proof besides. */
const CALLS = [
  ['PullGroupKey', (wire: Wire) => wire.call(pullGroupKey, { ...GROUP, version: 0n }), 'NOT_FOUND'],
  ['JoinServiceGroup', (wire: Wire) => wire.call(joinServiceGroup, GROUP), 'PROOF_MISSING'],
  ['LeaveServiceGroup', (wire: Wire) => wire.call(leaveServiceGroup, GROUP), 'PROOF_MISSING'],
] as const;
const LET_IN = CALLS.map(([name, , reason]) => `${name}: ${reason}`);

/** What each call is answered at the gateway. */
async function answers({ tls }: Pick<Credential, 'tls'>): Promise<readonly string[]> {
  const wire = new Wire(world.deployment.address(GATEWAY, 'certificate'), tls);
  const seen: string[] = [];
  for (const [name, call] of CALLS) seen.push(`${name}: ${await reasonOf(call(wire))}`);
  wire.close();
  return seen;
}
const refused = (reason: string) => CALLS.map(([name]) => `${name}: ${reason}`);
const isLetIn = async (credential: Credential) => JSON.stringify(await answers(credential)) === JSON.stringify(LET_IN);

/** Another gateway of the same PN, whose keys the suite holds. */
const neighbour = () => world.beside({ uri: world.deployment.uri(GATEWAY) });

/** A certificate of a gateway's CA, registered: the entity's live key from then on. */
async function registered(by: TestGateway, entity?: string): Promise<Credential & { entity: string; tokenId: string }> {
  const token = await world.admit(by, 'key-pair', entity);
  const credential = await certificateFor(token, by.ca);
  const request = sealCertificateRegistration(certificateDraft(token, credential));
  expect(await world.register(request, by, 'a')).toBe('accepted');
  const { entity: name, tokenId } = token;
  await waitUntil('the row of the entity', () => isLetIn(credential), { withinMs: 10_000 });
  return { ...credential, entity: name, tokenId };
}

/** Milliseconds until it is refused as it should be. */
async function refusedAfter(credential: Credential, reason: RegExp): Promise<number> {
  const began = Date.now();
  const isOut = async () => (await answers(credential)).every((answer) => reason.test(answer));
  await waitUntil('the refusal', isOut, { withinMs: 10_000, everyMs: 5 });
  return Date.now() - began;
}

describe('a certificate that is not the entity’s live key', () => {
  it('is let in in no call: forged for an entity of the Server, of no registration, and replaced', async () => {
    const hostile = await neighbour();
    const live = await registered(hostile);
    const forged = await certificateFor({ ...(await world.admit(hostile, 'key-pair', live.entity)) }, hostile.ca);
    const stranger = await certificateFor(await world.admit(hostile, 'key-pair'), hostile.ca);
    expect(await answers(live)).toEqual(LET_IN);
    expect(await answers(forged)).toEqual(refused('KEY_UNKNOWN'));
    expect(await answers(stranger)).toEqual(refused('KEY_UNKNOWN'));
    const next = await registered(hostile, live.entity);
    expect(await answers(next)).toEqual(LET_IN);
    for (const answer of await answers(live)) expect(answer).toMatch(/KEY_(UNKNOWN|REVOKED)$/);
  });

  it('is out within a second of the revocation of its key, and others stay', async () => {
    const by = await neighbour();
    const [gone, stays] = [await registered(by), await registered(by)];
    await world.revoke(gone.entity, 'b');
    expect(await refusedAfter(gone, /KEY_REVOKED$/)).toBeLessThan(WITHIN_MS);
    expect(await answers(stays)).toEqual(LET_IN);
  });

  it('is out within a second of the end of the gateway that assigned it; its CA lets nobody in for another’s entity', async () => {
    const [hostile, other] = [await neighbour(), await neighbour()];
    const [gone, stays] = [await registered(hostile), await registered(other)];
    await world.revoke(hostile.uri, 'b');
    expect(await refusedAfter(gone, /KEY_(REVOKED|UNKNOWN)$/)).toBeLessThan(WITHIN_MS);
    const forged = await certificateFor({ ...(await world.admit(other, 'key-pair', stays.entity)) }, hostile.ca);
    expect(await answers(forged)).toEqual(refused('KEY_UNKNOWN'));
    expect(await answers(stays)).toEqual(LET_IN);
  });
});

/** A device of this process, with a live key or an admission for one. */
async function device(form: KeyForm, assigner: string, { enrol = true } = {}): Promise<AdmittedDevice> {
  const { deployment } = world;
  const entity = world.entityOf(deployment.uri(GATEWAY));
  const admitted = await admitLocally(deployment, { entity, form, assigner, gateway: GATEWAY });
  if (enrol) await admitted.local.enrol(admitted.oneTimeString, 10_000);
  return admitted;
}
const pulling = (local: LocalDevice) => reasonOf(local.ask(GROUP.groupId, 0n));

describe('a key that has ended', () => {
  it.each([
    ['secret', 'server'],
    ['secret', GATEWAY],
    ['key-pair', 'server'],
    ['key-pair', GATEWAY],
  ] as const)('a %s of %s: calls are refused and its open watch ends, within a second', async (form, assigner) => {
    const [gone, stays] = [await device(form, assigner), await device(form, assigner)];
    for (const { local } of [gone, stays])
      await waitUntil('the row', async () => (await pulling(local)) === 'NOT_FOUND', { withinMs: 10_000 });
    const watch = (local: LocalDevice) => {
      const over = new AbortController();
      let end: string | undefined;
      const ended = reasonOf(local.groups.watch({ signal: over.signal })).then((reason) => (end = reason));
      return { over, ended, hasEnded: () => end !== undefined };
    };
    const [watched, other] = [watch(gone.local), watch(stays.local)];
    await new Promise((resolve) => setTimeout(resolve, 500));
    await world.revoke(gone.entity, 'b');
    const answered = Date.now();
    await waitUntil('the refusal', async () => (await pulling(gone.local)) === 'KEY_REVOKED', {
      withinMs: 10_000,
      everyMs: 5,
    });
    expect(await watched.ended).toBe('KEY_REVOKED');
    expect(Date.now() - answered).toBeLessThan(WITHIN_MS);
    expect(other.hasEnded()).toBe(false);
    expect(await pulling(stays.local)).toBe('NOT_FOUND');
    other.over.abort();
    await other.ended;
    for (const { local } of [gone, stays]) await local.close();
  });
});

describe('a key that a gateway assigned and nobody registered (A4)', () => {
  it('proves nothing once its admission was revoked', async () => {
    const { local, entity, tokenId, oneTimeString } = await device('secret', GATEWAY, { enrol: false });
    await local.device.assign(parseOneTimeString(oneTimeString));
    await world.deployment.operator.revokeAdmission(entity, tokenId);
    const registering = () => reasonOf(local.device.register());
    expect(await registering()).toBe('TOKEN_REVOKED');
    await local.close();
  });
});
