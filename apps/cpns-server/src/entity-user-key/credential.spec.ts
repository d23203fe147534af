/** What a gateway that relays is told of the key that it relayed the assignment or the registration of. */
import { CredentialState, EntityUserKeyServiceService, KeyForm, type EntityCredential } from '@cpns/contracts';
import {
  ASSIGN_METHOD,
  assignCertificate,
  certificateDraft,
  certificateFor,
  RELAYED,
  requestFor,
  sealCertificateRegistration,
  sealSecretRegistration,
  secretDraft,
  type Token,
} from '@cpns/testing/bad-input';
import { deriveKeyId, keyIdBytes, sha256 } from '@cpns/key-derivation';
import { serviceUri } from '@cpns/core';
import { ServerWorld, TRUST_DOMAIN } from '../testing/key-world';

const { assignEntityUserKey, registerEntityUserKey } = EntityUserKeyServiceService;
const { CREDENTIAL_STATE_LIVE: LIVE } = CredentialState;
const { KEY_FORM_SECRET: SECRET, KEY_FORM_KEY_PAIR: PAIR } = KeyForm;

let world: ServerWorld;
beforeAll(async () => {
  world = await ServerWorld.start();
});
afterAll(() => world.stop());

const server = () => world.wire('Server certificate', 'PN GW');
const assigned = (token: Token) =>
  server().call(assignEntityUserKey, { request: requestFor(RELAYED, world, token), method: ASSIGN_METHOD });
const common = ({ entity }: Token): Partial<EntityCredential> => ({ entity, life: 1n, state: LIVE, user: '' });

it('a secret of the Server is live with its assignment', async () => {
  const token = await world.admit({ form: 'secret', assigner: 'server' });
  const ofServer = { form: SECRET, assigner: serviceUri(TRUST_DOMAIN, 'cpns-server'), assignerLife: 0n };
  expect((await assigned(token)).credential).toMatchObject({ ...common(token), ...ofServer, revision: 1n });
  const young = await world.admit({ form: 'secret', assigner: 'server', entity: token.entity });
  expect((await assigned(young)).credential).toMatchObject({ ...common(token), ...ofServer, revision: 2n });
});

it('a certificate of the Server is not', async () => {
  expect((await assigned(await world.admit({ form: 'key-pair', assigner: 'server' }))).credential).toBeUndefined();
});

it('a secret of a gateway is live with its registration, in the life of that gateway', async () => {
  const token = await world.admit({ form: 'secret', assigner: 'probe' });
  const draft = secretDraft(world, token);
  const request = sealSecretRegistration(draft);
  const answer = await server().call(registerEntityUserKey, { request });
  const ofGateway = { form: SECRET, assigner: world.probe.uri, assignerLife: 1n, revision: 1n };
  expect(answer.credential).toMatchObject({
    ...common(token),
    ...ofGateway,
    keyId: keyIdBytes(deriveKeyId(draft.secret)),
    certificateDigest: Buffer.alloc(0),
  });
  expect(await server().call(registerEntityUserKey, { request })).toEqual(answer);
});

it.each(['server', 'probe'] as const)('a certificate of the %s is live with its registration', async (assigner) => {
  const token = await world.admit({ form: 'key-pair', assigner });
  const certificate =
    assigner === 'server' ? await assignCertificate(world, token) : await certificateFor(token, world.probe.ca);
  const request = sealCertificateRegistration(certificateDraft(token, certificate));
  const { credential } = await server().call(registerEntityUserKey, { request });
  expect(credential).toMatchObject({ ...common(token), form: PAIR, assignerLife: assigner === 'server' ? 0n : 1n });
  expect(credential?.certificateDigest).toEqual(sha256(certificate.chain[0]!));
});
