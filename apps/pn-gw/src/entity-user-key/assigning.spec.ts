/** What a PN GW keeps while it assigns Entity-User Keys by itself, in both forms (EUK-GW-S, EUK-GW-P steps 4 to 6; Q8). */
import type { AssignmentReply } from '@cpns/contracts';
import { CpnsError, duration } from '@cpns/core';
import { keyIdBytes, PROOF_WINDOW_MS } from '@cpns/key-derivation';
import { expectRefusal, refusalOf } from '@cpns/platform/testing';
import { changesBy } from '@cpns/store/testing';
import {
  assignCertificate,
  assignedDevice,
  assignSecret,
  BY_GATEWAY,
  certificateDraft,
  GATEWAY_ASSIGNS,
  proofDraft,
  register,
  registrationOf,
  REPORTING,
  requestFor,
  sealCertificateRegistration,
  sealProof,
  sealSecretRegistration,
  secretHolder,
} from '@cpns/testing/bad-input';
import { firstSeedAggregate } from '../provisioning/first-seeds';
import { CERTIFICATE_PORT, GatewayKeyWorld } from '../testing/key-world';

let world: GatewayKeyWorld;
beforeEach(async () => (world = await GatewayKeyWorld.start()));
afterEach(() => world.stop());

const AWAY = new CpnsError('DEPENDENCY_UNAVAILABLE', 'the Server is away');
const admit = (entity?: string, form: 'secret' | 'key-pair' = 'secret') =>
  world.admit({ form, assigner: 'gateway', ...(entity && { entity }) });
const reasonOf = async (call: () => Promise<unknown>) => (await refusalOf(call)).reason;
const seedOf = async (entity?: string) => (await assignSecret(world, await admit(entity))).seed?.firstSeedId;

describe.each(['secret', 'key-pair'] as const)('form %s', (form) => {
  it('spends its token on one request, which gets the same reply again', async () => {
    const token = await admit(undefined, form);
    const request = requestFor(GATEWAY_ASSIGNS, world, token);
    const send = () => GATEWAY_ASSIGNS.send(world, request) as Promise<{ reply: AssignmentReply }>;
    const first = await send();
    expect(await changesBy(world.store, async () => expect(await send()).toEqual(first))).toEqual([]);
    const another = requestFor(GATEWAY_ASSIGNS, world, token);
    await expectRefusal(world.store, () => GATEWAY_ASSIGNS.send(world, another), 'FAILED_PRECONDITION/TOKEN_SPENT');
  });

  it('is not opened again by a grant that comes twice', async () => {
    const token = await admit(undefined, form);
    await GATEWAY_ASSIGNS.send(world, requestFor(GATEWAY_ASSIGNS, world, token));
    await world.grant(token);
    const another = requestFor(GATEWAY_ASSIGNS, world, token);
    expect(await reasonOf(() => GATEWAY_ASSIGNS.send(world, another))).toBe('TOKEN_SPENT');
  });

  it('is not assigned under a token that was revoked before its grant came', async () => {
    const token = await world.admit({ form, assigner: 'server' });
    await world.deliver({ $case: 'tokenRevocation', value: token });
    const changes = await changesBy(world.store, () => world.grant(token));
    expect(changes).not.toContainEqual(expect.stringContaining('grant.'));
  });

  it('is assigned with something else once the Server says that what it came from was revoked', async () => {
    const source = async () => {
      const token = await admit(undefined, form);
      if (form === 'secret') {
        const assigned = await assignSecret(world, token);
        const draft = registrationOf(token, assigned, world.gatewayUri);
        return { id: assigned.seed?.firstSeedId, registration: sealSecretRegistration(draft) };
      }
      const certificate = await assignCertificate(world, token);
      return {
        id: certificate.chain[1],
        registration: sealCertificateRegistration(certificateDraft(token, certificate)),
      };
    };
    const old = await source();
    const refusal = new CpnsError(form === 'secret' ? 'FIRST_SEED_REVOKED' : 'CERTIFICATE_REVOKED', 'revoked', {
      metadata: form === 'secret' ? {} : { certificate: 'ca' },
    });
    world.server.refusal = refusal;
    expect(await reasonOf(() => register(world, 'gateway token', old.registration))).toBe(refusal.reason);
    world.server.refusal = undefined;
    const young = await source();
    expect(young.id).not.toEqual(old.id);
    // one that is still in use is not dropped for another that is refused again
    world.server.refusal = refusal;
    await refusalOf(() => register(world, 'gateway token', old.registration));
    world.server.refusal = undefined;
    expect((await source()).id).toEqual(young.id);
  });

  it('waits for what the gateway was never provisioned with', async () => {
    const token = await admit(undefined, form);
    await world.deliver({ $case: 'firstSeedRevocation', value: { firstSeedId: (await seedOf())! } });
    if (form === 'key-pair') return expect((await assignCertificate(world, token)).chain).toHaveLength(4);
    world.server.refusal = AWAY;
    expect(await reasonOf(() => assignSecret(world, token))).toBe('GATEWAY_NOT_PROVISIONED');
    world.server.refusal = undefined;
    return expect(await assignSecret(world, token)).toMatchObject({ form });
  });
});

it('tells where a certificate is asked for, in both answers', async () => {
  const token = await admit();
  const assigning = GATEWAY_ASSIGNS.send(world, requestFor(GATEWAY_ASSIGNS, world, token));
  await expect(assigning).resolves.toMatchObject({ certificatePort: CERTIFICATE_PORT });
  const { registered } = await assignedDevice(world, BY_GATEWAY);
  await expect(registered()).resolves.toMatchObject({ certificatePort: CERTIFICATE_PORT });
});

describe('a 1st seed', () => {
  /** One of its own limits, which the next key comes from. */
  async function limited(limits: Partial<GatewayKeyWorld['server']['seed']>): Promise<void> {
    Object.assign(world.server.seed, limits);
    await world.deliver({ $case: 'firstSeedRevocation', value: { firstSeedId: (await seedOf())! } });
  }

  it('counts each (E, user) once, and the one after the last has another', async () => {
    await limited({ maxEntities: 2 });
    const [one, two, three] = [world.entity(), world.entity(), world.entity()];
    const seed = await seedOf(one);
    expect([await seedOf(one), await seedOf(two), await seedOf(one)]).toEqual([seed, seed, seed]);
    expect(await seedOf(three)).not.toBe(seed);
  });

  it('serves whom it counted itself, not one that was put into the store', async () => {
    await limited({ maxEntities: 1 });
    const [one, two] = [world.entity(), world.entity()];
    const seed = await seedOf(one);
    const aggregate = firstSeedAggregate(seed!);
    await world.store.commit(aggregate, { addTo: [{ set: 'served', member: `${two}?user=` }] });
    expect(await seedOf(one)).toBe(seed);
    expect(await seedOf(two)).not.toBe(seed);
  });

  test.each([
    ['first seed that has served as many as it may', { maxEntities: 1 }, 'FIRST_SEED_SPENT'],
    ['first seed past assign-until', { assignFor: 4_000 }, 'FIRST_SEED_EXPIRED'],
  ])('%s, CPNS Server stopped (assignment), gateway token', async (_what, limits, reason) => {
    await limited(limits);
    const token = await admit();
    const seed = await seedOf();
    await world.pass(4_000);
    world.server.refusal = AWAY;
    // the gateway asks for another seed once, and remembers under which id: that is its own state and not the caller's
    await refusalOf(() => assignSecret(world, token));
    await expectRefusal(world.store, () => assignSecret(world, token), `FAILED_PRECONDITION/${reason}`);
    world.server.refusal = undefined;
    expect((await assignSecret(world, token)).seed?.firstSeedId).not.toBe(seed);
  });

  it('that is revoked serves none that it served before', async () => {
    const entity = world.entity();
    const seed = await seedOf(entity);
    await world.deliver({ $case: 'firstSeedRevocation', value: { firstSeedId: seed! } });
    expect(await seedOf(entity)).not.toBe(seed);
  });
});

describe('a secret that the gateway assigned', () => {
  /** How often the Server was asked while a call went on. */
  async function asking(call: () => Promise<unknown>): Promise<number> {
    const before = world.server.calls;
    await call();
    return world.server.calls - before;
  }
  it('is proved to the gateway once it was registered here, and not after its end', async () => {
    const { token, registered, prove } = await assignedDevice(world, BY_GATEWAY);
    await registered();
    expect(await asking(prove)).toBe(0);
    await world.operator.revokeKey(token.entity);
    expect(await reasonOf(prove)).toBe('KEY_REVOKED');
  });

  it('proves nothing before it is registered, through whichever gateway', async () => {
    const { token, fresh, prove } = await assignedDevice(world, BY_GATEWAY);
    expect(await reasonOf(prove)).toBe('KEY_UNKNOWN');
    const live = world.server.credential(token, { keyId: keyIdBytes(fresh().keyId), notAfter: world.now() + 60_000 });
    await world.deliver({ $case: 'credential', value: live });
    expect(await asking(prove)).toBe(0);
  });

  it('does not come back when its end overtakes the answer to its registration', async () => {
    const { token, registered, prove } = await assignedDevice(world, BY_GATEWAY);
    const { registerEntityUserKey } = world.server.clients.entityUserKey;
    const late = jest.spyOn(world.server.clients.entityUserKey, 'registerEntityUserKey');
    late.mockImplementation(async (request) => {
      const reply = await registerEntityUserKey(request);
      await world.operator.revokeKey(token.entity);
      return reply;
    });
    await registered();
    expect(await reasonOf(prove)).toBe('KEY_REVOKED');
  });

  it('stays live beside the next one until that is registered', async () => {
    const entity = world.entity();
    const before = await assignedDevice(world, BY_GATEWAY, { entity });
    await before.registered();
    const after = await assignedDevice(world, BY_GATEWAY, { entity });
    expect(await asking(before.prove)).toBe(0);
    await after.registered();
    expect([await reasonOf(before.prove), await asking(after.prove)]).toEqual(['KEY_UNKNOWN', 0]);
  });

  it('ends with its admission, unless it is registered', async () => {
    const [ended, kept] = [await assignedDevice(world, BY_GATEWAY), await assignedDevice(world, BY_GATEWAY)];
    await kept.registered();
    const revoke = ({ token }: typeof ended) =>
      changesBy(world.store, () => world.operator.revokeAdmission(token.entity, token.tokenId));
    expect(await revoke(ended)).toContain(`entity/${ended.token.entity} key was removed`);
    await revoke(kept);
    expect(await asking(kept.prove)).toBe(0);
  });
});

it('takes a proof once, also at the end of its window', async () => {
  const holder = await secretHolder(world, 'gateway');
  const { method, body } = REPORTING;
  const draft = proofDraft(world, holder, { audience: world.gatewayUri, method, body });
  const proof = sealProof({ ...draft, timeMs: world.now() + PROOF_WINDOW_MS });
  const send = () => BY_GATEWAY.send(world, { proof, body, holder });
  await send();
  await world.pass(2 * PROOF_WINDOW_MS);
  expect(await refusalOf(send)).toMatchObject({ reason: 'PROOF_REPLAYED' });
});

it('issues with its CA until that ends, and asks for another then', async () => {
  const issuer = async () => (await assignCertificate(world, await admit(undefined, 'key-pair'))).chain[1];
  const first = await issuer();
  expect(await issuer()).toEqual(first);
  await world.pass(duration(400, 'day'));
  await expect(issuer()).resolves.not.toEqual(first);
});
