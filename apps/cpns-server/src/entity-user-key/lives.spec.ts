/** What ends with the life of a gateway, or of an entity, however the calls of others fall between the commits of its end. */
import { AdmissionState, EntityUserKeyServiceService, KeyState, ProofServiceService } from '@cpns/contracts';
import { createIssuer, localSigner, type Issuer } from '@cpns/certificate-issuance';
import { deriveConfirmKey, deriveKeyId, sha256 } from '@cpns/key-derivation';
import { refusalOf } from '@cpns/platform/testing';
import { changesBy } from '@cpns/store/testing';
import {
  assignSecret,
  certificateDraft,
  certificateFor,
  freshNonce,
  opensslCsr,
  provisionCa,
  provisionSeed,
  register,
  RELAYED,
  requestFor,
  sealCertificateRegistration,
  sealProof,
  sealSecretRegistration,
  secretDraft,
  tokenOf,
  type HeldSeed,
  type TestGateway,
  type Token,
} from '@cpns/testing/bad-input';
import { ServerWorld } from '../testing/key-world';

const AT = 'Server certificate';
const FORMS = ['secret', 'key-pair'] as const;
type Form = (typeof FORMS)[number];
const { provisionGateway } = EntityUserKeyServiceService;

let world: ServerWorld;
beforeAll(async () => {
  world = await ServerWorld.start();
});
afterAll(() => world.stop());

let gateways = 0;
let gateway: TestGateway;
const enrol = async (id: string) => (gateway = await world.enrolled('pn1', id));
beforeEach(() => enrol(`life-${(gateways += 1)}`));
/** The same gateway again, with another identity. */
const enrolAgain = () => enrol(`life-${gateways}`);
const revoke = (entity = gateway.uri) => world.operator.revokeKey(entity);

const reasonOf = async (call: () => Promise<unknown>) => (await refusalOf(call)).reason;

async function admit(form: Form, entity = world.entity()): Promise<Token> {
  const peer = { uri: gateway.uri, address: '127.0.0.1:1' };
  const until = { expiresAt: world.now() + 3_600_000, waitUntilDelivered: false };
  return tokenOf((await world.operator.admit({ entity, form, assigner: gateway.uri, peer, ...until })).oneTimeString);
}

/** The world as it is for the gateway in the place of the test's own. */
const seenBy = (probe: TestGateway) =>
  Object.defineProperty(Object.create(world) as ServerWorld, 'probe', { value: probe });

const withSeed = (token: Token, held: HeldSeed = gateway.seed) => secretDraft(seenBy(gateway), token, held);
const withCa = async (token: Token, ca: Issuer = gateway.ca) =>
  sealCertificateRegistration(certificateDraft(token, await certificateFor(token, ca)));
/** What the gateway assigned under a token, with what it was provisioned with first. */
const registrationOf = (token: Token) =>
  token.form === 'secret' ? Promise.resolve(sealSecretRegistration(withSeed(token))) : withCa(token);

const keyStateOf = async ({ entity }: Token) =>
  (await world.operator.entityUserKeys.getEntityUserKey({ entity })).key?.state;
const admissionStateOf = async ({ entity, tokenId }: Token) =>
  (await world.operator.admissions(entity)).find((one) => one.tokenId === tokenId);

describe('a gateway that is revoked while it is provisioned', () => {
  const ROUNDS = 10;

  it('has nothing in force of what it was given before the commit that ends it', async () => {
    const tokens = { secret: [] as Token[], 'key-pair': [] as Token[] };
    for (const form of FORMS) for (let n = 0; n < ROUNDS; n += 1) tokens[form].push(await admit(form));
    const seeds: HeldSeed[] = [];
    const cas: Issuer[] = [];
    const provision = async () => {
      for (let n = 0; n < ROUNDS; n += 1) {
        seeds.push(await provisionSeed(gateway.server));
        const { chain, privateKey } = await provisionCa(gateway.server);
        cas.push(createIssuer(chain, localSigner(privateKey)));
      }
    };
    // the first commit of a revocation, after which this replica refuses the gateway already
    await world.interrupting('ended', provision, () => revoke());
    const outcomes: unknown[] = [];
    for (const [n, token] of tokens.secret.entries())
      outcomes.push(await reasonOf(() => register(world, AT, sealSecretRegistration(withSeed(token, seeds[n])))));
    for (const [n, token] of tokens['key-pair'].entries()) {
      const registration = await withCa(token, cas[n]);
      outcomes.push(await reasonOf(() => register(world, AT, registration)));
    }
    const expected = ['FIRST_SEED_REVOKED', 'CERTIFICATE_REVOKED'].flatMap((reason) =>
      Array.from({ length: ROUNDS }, () => reason),
    );
    expect(outcomes).toEqual(expected);
  });

  it('is given nothing by a call that decided before that commit', async () => {
    let waiting = 0;
    let goOn = (): void => undefined;
    const revoked = new Promise<void>((resolve) => (goOn = resolve));
    const all = new Promise<void>((resolve) => {
      void world.interrupting(
        'provisioned',
        () => {
          if ((waiting += 1) === 2 * ROUNDS) resolve();
          return revoked;
        },
        () => revoked,
      );
    });
    const asked = Array.from({ length: ROUNDS }, () => [
      refusalOf(() => provisionSeed(gateway.server)),
      refusalOf(() => provisionCa(gateway.server)),
    ]).flat();
    await all;
    await revoke();
    goOn();
    expect((await Promise.all(asked)).map(({ reason }) => reason)).toEqual(
      Array(2 * ROUNDS).fill('CERTIFICATE_REVOKED'),
    );
  });

  /** Registers under a token; between decision and commit the gateway is revoked. */
  async function registerMeanwhile(token: Token, end: () => Promise<unknown>) {
    const registration = await registrationOf(token);
    let isFirst = true;
    const once = async () => {
      // what follows from it puts that record as well
      const before = isFirst;
      isFirst = false;
      if (before) await end();
    };
    return world.interrupting('key', once, () => reasonOf(() => register(world, AT, registration)));
  }

  it.each(FORMS)('%s: has no key registered that was to be registered meanwhile', async (form) => {
    const token = await admit(form);
    expect(await registerMeanwhile(token, () => revoke())).toBe('TOKEN_REVOKED');
    expect(await reasonOf(() => keyStateOf(token))).toBe('NOT_FOUND');
  });

  it.each(FORMS)('%s: has none either where that was not carried through yet', async (form) => {
    const token = await admit(form);
    // the identity has ended when the first of its admissions is to
    const died = () => Promise.reject(new Error('the process died'));
    const outcome = await registerMeanwhile(token, () =>
      world.interrupting('head', died, () => reasonOf(() => revoke())),
    );
    expect([outcome, await keyStateOf(token)]).toEqual(['KEY_REVOKED', KeyState.KEY_STATE_REVOKED]);
  });

  it('has no admission made that names it', async () => {
    const entity = world.entity();
    const interrupted = world.interrupting('head', () => revoke(), () => admit('secret', entity)); // prettier-ignore
    expect(await admissionStateOf(await interrupted)).toMatchObject({
      state: AdmissionState.ADMISSION_STATE_REVOKED,
      delivered: false,
    });
  });
});

describe.each(FORMS)('form %s: what a gateway assigned', (form: Form) => {
  /** A registered key, and an admission that led to none yet. */
  async function assigned() {
    const registered = await admit(form);
    const registration = await registrationOf(registered);
    await register(world, AT, registration);
    return { registered, registration, open: await admit(form) };
  }

  it('ends with its life, and does not come back with the next', async () => {
    const { registered, registration, open } = await assigned();
    const late = await registrationOf(open);
    const before = gateway;
    await revoke();
    await enrolAgain();
    const young = await admit(form, open.entity);
    const ofOldLife =
      form === 'secret' ? sealSecretRegistration(withSeed(young, before.seed)) : await withCa(young, before.ca);
    const ended = form === 'secret' ? 'FIRST_SEED_REVOKED' : 'CERTIFICATE_REVOKED';
    expect(await keyStateOf(registered)).toBe(KeyState.KEY_STATE_REVOKED);
    expect(await admissionStateOf(open)).toMatchObject({ state: AdmissionState.ADMISSION_STATE_REVOKED });
    expect(await reasonOf(() => register(world, AT, registration))).toBe('KEY_REVOKED');
    for (const refused of [late, ofOldLife]) expect(await reasonOf(() => register(world, AT, refused))).toBe(ended);
    // an admission is of one life as well, also under what the gateway has now
    expect(await reasonOf(async () => register(world, AT, await registrationOf(open)))).toBe('TOKEN_REVOKED');
    await register(world, AT, await registrationOf(young));
    expect(await keyStateOf(young)).toBe(KeyState.KEY_STATE_LIVE);
  });

  it('goes on where the gateway is replaced without a revocation', async () => {
    const { registered, open } = await assigned();
    const late = await registrationOf(open);
    await enrolAgain();
    await register(world, AT, late);
    expect([await keyStateOf(registered), await keyStateOf(open)]).toEqual(Array(2).fill(KeyState.KEY_STATE_LIVE));
  });
});

it('a secret of an ended life proves nothing', async () => {
  const token = await admit('secret');
  const draft = withSeed(token);
  await register(world, AT, sealSecretRegistration(draft));
  const [method, requestDigest] = ['/cpns.v1.PnGatewayService/PullGroupKey', sha256(Buffer.alloc(0))];
  const prove = () => {
    const { secret } = draft;
    const names = { entity: token.entity, keyId: deriveKeyId(secret), timeMs: world.now(), nonce: freshNonce() };
    const call = { audience: world.probe.uri, method, requestDigest };
    const proof = sealProof({ ...names, ...call, confirmKey: deriveConfirmKey(secret) });
    const relay = { relay: '', relayCertificateDigest: Buffer.alloc(0) };
    return world.wire(AT, 'PN GW').call(ProofServiceService.verifyProof, { proof, method, requestDigest, ...relay });
  };
  await prove();
  await revoke();
  expect(await reasonOf(prove)).toBe('KEY_REVOKED');
  await enrolAgain();
  expect(await reasonOf(prove)).toBe('KEY_REVOKED');
});

type Information = { $case: 'firstSeed'; value: { requestId: Buffer } } | { $case: 'caCsr'; value: Buffer };
it.each<[string, () => Information, object]>([
  ['1st seed', () => ({ $case: 'firstSeed', value: { requestId: freshNonce() } }), { reason: 'FIRST_SEED_REVOKED' }],
  [
    'CA',
    () => ({ $case: 'caCsr', value: opensslCsr().csr }),
    { reason: 'CERTIFICATE_REVOKED', metadata: { certificate: 'ca' } },
  ],
])('a %s is asked for anew in the next life', async (_what, make, refusal) => {
  const [information, another] = [make(), make()];
  const ask = (wanted: Information) => gateway.server.call(provisionGateway, { information: wanted });
  const given = await ask(information);
  await enrolAgain();
  expect(await ask(information)).toEqual(given);
  await revoke();
  await enrolAgain();
  expect(await refusalOf(() => ask(information))).toMatchObject(refusal);
  await ask(another);
});

describe('an entity that is revoked', () => {
  it('has no admission left that could lead to a key, and no life is ended twice', async () => {
    const entity = world.entity();
    const live = await world.admit({ form: 'secret', assigner: 'server', entity });
    await assignSecret(world, live);
    const open = await world.admit({ form: 'secret', assigner: 'server', entity });
    const request = requestFor(RELAYED, world, open);
    await revoke(entity);
    expect(await keyStateOf(live)).toBe(KeyState.KEY_STATE_REVOKED);
    expect(await admissionStateOf(open)).toMatchObject({ state: AdmissionState.ADMISSION_STATE_REVOKED });
    expect(await reasonOf(() => RELAYED.send(world, request))).toBe('TOKEN_REVOKED');
    expect(await changesBy(world.store, () => revoke(entity))).toEqual([]);
    await assignSecret(world, await world.admit({ form: 'secret', assigner: 'server', entity }));
    expect(await keyStateOf(live)).toBe(KeyState.KEY_STATE_LIVE);
  });

  it('has none either that was made meanwhile', async () => {
    const entity = world.entity();
    await assignSecret(world, await world.admit({ form: 'secret', assigner: 'server', entity }));
    const made: Token[] = [];
    const once = async () => {
      if (made.length === 0) made.push(await world.admit({ form: 'secret', assigner: 'server', entity }));
    };
    await world.interrupting('retired', once, () => revoke(entity));
    expect(await admissionStateOf(made[0]!)).toMatchObject({ state: AdmissionState.ADMISSION_STATE_REVOKED });
  });
});
