/** What the CPNS Server keeps while Entity-User Keys are assigned, registered, proved and ended, in both forms. */
import {
  AdmissionState,
  EntityUserKeyServiceService,
  KeyState,
  ProofServiceService,
  type EntityUserKeyInfo,
} from '@cpns/contracts';
import { duration, FirstSeed } from '@cpns/core';
import { deriveKeyId, PROOF_WINDOW_MS } from '@cpns/key-derivation';
import { expectRefusal, refusalOf } from '@cpns/platform/testing';
import { changesBy } from '@cpns/store/testing';
import {
  assignCertificate,
  assignSecret,
  BY_SERVER,
  certificateDraft,
  certificateFor,
  ENROLLING,
  freshNonce,
  opensslCsr,
  PROOF_SERVICE,
  provingCall,
  register,
  RELAYED,
  relayedVerification,
  requestFor,
  sealCertificateRegistration,
  sealSecretRegistration,
  secretDraft,
  secretHolder,
  verifyingRequest,
  type TestGateway,
  type Token,
} from '@cpns/testing/bad-input';
import { randomBytes } from 'node:crypto';
import { ServerWorld } from '../testing/key-world';

const AT = 'Server certificate';
const FORMS = ['secret', 'key-pair'] as const;
type Form = (typeof FORMS)[number];

let world: ServerWorld;
beforeAll(async () => {
  world = await ServerWorld.start();
});
afterAll(() => world.stop());

const reasonOf = async (call: () => Promise<unknown>) => (await refusalOf(call)).reason;
const keyOf = async ({ entity }: Pick<Token, 'entity'>): Promise<EntityUserKeyInfo | undefined> =>
  (await world.operator.entityUserKeys.getEntityUserKey({ entity })).key;
const admissionOf = async ({ entity, tokenId }: Token) =>
  (await world.operator.admissions(entity)).find((admission) => admission.tokenId === tokenId);
const probe = async () => (await world.operator.enrolment.getGateway({ entity: world.probe.uri })).gateway!;
const countAt = async (id: string) =>
  (await probe()).firstSeeds.find(({ firstSeedId }) => firstSeedId === id)?.registeredEntities;

/** A registration of what the test's gateway assigned, another one each time. */
async function registrationOf(token: Token) {
  if (token.form === 'secret') return sealSecretRegistration(secretDraft(world, token));
  return sealCertificateRegistration(certificateDraft(token, await certificateFor(token, world.probe.ca)));
}

describe.each(FORMS)('form %s', (form: Form) => {
  it('is assigned once under a token, whose request gets the same reply again', async () => {
    const token = await world.admit({ form, assigner: 'server' });
    const request = requestFor(RELAYED, world, token);
    const first = await RELAYED.send(world, request);
    expect(await changesBy(world.store, async () => expect(await RELAYED.send(world, request)).toEqual(first))).toEqual(
      [],
    );
    const another = requestFor(RELAYED, world, token);
    await expectRefusal(world.store, () => RELAYED.send(world, another), 'FAILED_PRECONDITION/TOKEN_SPENT');
    const state =
      form === 'secret' ? AdmissionState.ADMISSION_STATE_REGISTERED : AdmissionState.ADMISSION_STATE_ASSIGNED;
    expect(await admissionOf(token)).toMatchObject({ state });
  });

  it('is registered once under a token, whose registration gets the same reply again', async () => {
    const token = await world.admit({ form, assigner: 'probe' });
    const request = await registrationOf(token);
    const first = await register(world, AT, request);
    expect(await changesBy(world.store, async () => expect(await register(world, AT, request)).toEqual(first))).toEqual(
      [],
    );
    const another = await registrationOf(token);
    await expectRefusal(world.store, () => register(world, AT, another), 'FAILED_PRECONDITION/TOKEN_SPENT');
    expect(await admissionOf(token)).toMatchObject({ state: AdmissionState.ADMISSION_STATE_REGISTERED });
    expect(await keyOf(token)).toMatchObject({
      state: KeyState.KEY_STATE_LIVE,
      assigner: world.probe.uri,
      tokenId: token.tokenId,
    });
  });

  it('takes the place of an older one, which does not come back', async () => {
    const old = await world.admit({ form, assigner: 'probe' });
    const registration = await registrationOf(old);
    await register(world, AT, registration);
    const young = await world.admit({ form, assigner: 'probe', entity: old.entity });
    const waiting = (await probe()).undelivered;
    await register(world, AT, await registrationOf(young));
    expect(await keyOf(old)).toMatchObject({ tokenId: young.tokenId });
    // each gateway of its network hears of that
    expect((await probe()).undelivered - waiting).toBe(1n);
    expect(await reasonOf(() => register(world, AT, registration))).toBe('TOKEN_SPENT');
  });
});

it('a secret of the Server is live when it is assigned, a certificate when it is registered', async () => {
  const secret = await world.admit({ form: 'secret', assigner: 'server' });
  const assigned = await assignSecret(world, secret);
  expect(await keyOf(secret)).toMatchObject({
    state: KeyState.KEY_STATE_LIVE,
    keyId: Buffer.from(deriveKeyId(assigned.secret), 'hex'),
  });
  const pair = await world.admit({ form: 'key-pair', assigner: 'server' });
  const certificate = await assignCertificate(world, pair);
  expect(await keyOf(pair)).toMatchObject({ state: KeyState.KEY_STATE_ASSIGNED });
  await register(world, AT, sealCertificateRegistration(certificateDraft(pair, certificate)));
  expect(await keyOf(pair)).toMatchObject({ state: KeyState.KEY_STATE_LIVE });
});

it('a 1st seed counts each (E, user) that registers with it, once', async () => {
  const { firstSeedId } = world.probe.seed;
  const before = (await countAt(firstSeedId))!;
  const one = await world.admit({ form: 'secret', assigner: 'probe' });
  const again = { form: 'secret', assigner: 'probe', entity: one.entity } as const;
  const registration = await registrationOf(one);
  await register(world, AT, registration);
  await register(world, AT, registration);
  expect(await countAt(firstSeedId)).toBe(before + 1);
  await register(world, AT, await registrationOf(await world.admit(again)));
  expect(await countAt(firstSeedId)).toBe(before + 1);
  await register(world, AT, await registrationOf(await world.admit({ ...again, user: 'alice' })));
  expect(await countAt(firstSeedId)).toBe(before + 2);
});

it('an entity is seen through the gateway that relays for it, to the minute', async () => {
  const token = await world.admit({ form: 'secret', assigner: 'probe' });
  await register(world, AT, await registrationOf(token));
  const seen = async () => {
    const { lastSeenAt, lastSeenGateway } = await world.operator.entityUserKeys.getEntityUserKey(token);
    return [Number(lastSeenAt), lastSeenGateway];
  };
  const minute = Math.floor(world.now() / 60_000) * 60_000;
  expect(await seen()).toEqual([minute, world.probe.uri]);
});

it('a proof is good once, and remembered by its nonce alone', async () => {
  const prove = await provingCall(world, PROOF_SERVICE);
  const changes = await changesBy(world.store, prove);
  expect(changes).toEqual([expect.stringMatching(/^proof\/cpns:\S+ nonce\.[0-9a-f]{32} was added$/)]);
  expect(BY_SERVER.assigner).toBe(PROOF_SERVICE.assigner);
});

it.each([0, 120_000, 120_001])('a proof 60 s ahead is good once, %i ms later as well', async (later) => {
  const request = await verifyingRequest(world, PROOF_WINDOW_MS);
  const verify = () => world.wire(AT, 'PN GW').call(ProofServiceService.verifyProof, request);
  await verify();
  await world.pass(later);
  expect(await reasonOf(verify)).toBe(later <= 2 * PROOF_WINDOW_MS ? 'PROOF_REPLAYED' : 'PROOF_OUTSIDE_WINDOW');
});

describe('provisioning', () => {
  type Information = Parameters<typeof provision>[0];
  const provision = (
    information: { $case: 'firstSeed'; value: { requestId: Buffer } } | { $case: 'caCsr'; value: Buffer } | undefined,
  ) => world.wire(AT, 'PN GW').call(EntityUserKeyServiceService.provisionGateway, { information });

  test.each<[string, () => Information]>([
    ['a 1st seed', () => ({ $case: 'firstSeed', value: { requestId: freshNonce() } })],
    ['a CA certificate', () => ({ $case: 'caCsr', value: opensslCsr().csr })],
  ])('%s: the same request gets the same again', async (_what, make) => {
    const request = make();
    const first = await provision(request);
    expect(await changesBy(world.store, async () => expect(await provision(request)).toEqual(first))).toEqual([]);
    expect(await provision(make())).not.toEqual(first);
  });

  test.each<[string, () => Promise<unknown>, string]>([
    ['of nothing', () => provision(undefined), 'INVALID_ARGUMENT/FIELD_MISSING information'],
    [
      'under a short id',
      () => provision({ $case: 'firstSeed', value: { requestId: Buffer.alloc(15, 1) } }),
      'INVALID_ARGUMENT/FIELD_SIZE request_id',
    ],
  ])('%s: refused', (_what, call, expected) => expectRefusal(world.store, call, expected));

  it('gives no seed again that was revoked', async () => {
    const request: Information = { $case: 'firstSeed', value: { requestId: freshNonce() } };
    const { information } = await provision(request);
    const { firstSeedId } = information!.value as { firstSeedId: string };
    await world.operator.enrolment.revokeFirstSeed({ gateway: world.probe.uri, firstSeedId });
    expect(await reasonOf(() => provision(request))).toBe('FIRST_SEED_REVOKED');
  });
});

describe('the standing of a gateway', () => {
  const seedOf = (gateway: TestGateway) =>
    gateway.server.call(EntityUserKeyServiceService.provisionGateway, {
      information: { $case: 'firstSeed', value: { requestId: freshNonce() } },
    });

  it('ends with its identity, and with it all that it assigned with', async () => {
    const gateway = await world.enrolled('pn1', 'ending');
    const token = await world.operator.admit({
      entity: world.entity(),
      form: 'key-pair',
      assigner: gateway.uri,
      peer: { uri: gateway.uri, address: '127.0.0.1:1' },
      waitUntilDelivered: false,
    });
    const asker = await secretHolder(world);
    const relaysForSmf = () =>
      world.wire(AT, 'service smf').call(ProofServiceService.verifyProof, relayedVerification(world, asker, gateway));
    await relaysForSmf();
    await world.operator.revokeKey(gateway.uri);
    expect(await refusalOf(relaysForSmf)).toMatchObject({
      reason: 'CERTIFICATE_REVOKED',
      metadata: { certificate: 'relay' },
    });
    expect(await refusalOf(() => seedOf(gateway))).toMatchObject({
      code: 'UNAUTHENTICATED',
      reason: 'CERTIFICATE_REVOKED',
    });
    const { gateway: seen } = await world.operator.enrolment.getGateway({ entity: gateway.uri });
    expect(seen).toMatchObject({ revoked: true, firstSeeds: [{ revoked: true }], cas: [{ revoked: true }] });
    const { entity, tokenId } = token.admission;
    const holder = { entity, tokenId, user: '', form: 'key-pair' } as Token;
    const registration = sealCertificateRegistration(
      certificateDraft(holder, await certificateFor(holder, gateway.ca)),
    );
    expect(await reasonOf(() => register(world, AT, registration))).toBe('CERTIFICATE_REVOKED');
    gateway.close();
  });

  it.each(['__proto__', 'constructor'])('ends a 1st seed whose id is %s', async (firstSeedId) => {
    const gateway = await world.enrolled('pn1', 'named');
    const firstSeed = randomBytes(32);
    const until = BigInt(world.now() + duration(1, 'hour'));
    const limits = { assignUntil: until, registerUntil: until, maxEntities: 10 };
    await world.operator.enrolment.importFirstSeed({ gateway: gateway.uri, firstSeedId, firstSeed, ...limits });
    const registrationFrom = async () => {
      const held = { firstSeedId, seed: new FirstSeed(firstSeed) };
      const peer = { uri: gateway.uri, address: '127.0.0.1:1' };
      const entity = world.entity();
      const wish = { entity, form: 'secret', assigner: gateway.uri, peer, waitUntilDelivered: false } as const;
      const { tokenId } = (await world.operator.admit(wish)).admission;
      const { terms, secondSeed, secret } = gateway.deriveKey(entity, '', world.now() + 60_000, held);
      return sealSecretRegistration({ terms: { ...terms, tokenId, secondSeed, nonce: freshNonce() }, secret });
    };
    const [first, second] = [await registrationFrom(), await registrationFrom()];
    await register(world, AT, first);
    await world.operator.revokeKey(gateway.uri);
    expect(await reasonOf(() => register(world, AT, second))).toBe('FIRST_SEED_REVOKED');
    gateway.close();
  });

  it('goes over to a new identity, and the old certificate is good for nothing', async () => {
    const old = await world.enrolled('pn1', 'renewed');
    const young = await world.enrolled('pn1', 'renewed');
    expect(await reasonOf(() => seedOf(old))).toBe('CERTIFICATE_REVOKED');
    expect((await seedOf(young)).information?.$case).toBe('firstSeed');
    old.close();
    young.close();
  });

  it('is that of its newest admission, whichever it was enrolled with first', async () => {
    const old = await world.admitGateway();
    const young = await world.admitGateway(undefined, old.entity);
    await ENROLLING.send(world, requestFor(ENROLLING, world, young));
    const request = requestFor(ENROLLING, world, old);
    await expectRefusal(world.store, () => ENROLLING.send(world, request), 'FAILED_PRECONDITION/LIVE_KEY');
  });
});
