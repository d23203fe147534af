import { CpnsError, EntityUserKey, SecondSeed, TokenAuthKey, TokenPsk, TokenSecret } from '@cpns/core';
import { failureOf, flipped, reasonOf, SeededRandom } from '@cpns/core/testing';
import {
  type AssignmentTerms,
  deriveTokenAuthKey,
  deriveTokenPsk,
  enrolMac,
  type EnrolReply,
  enrolReplyMac,
  type EnrolRequest,
  openAssignment,
  type OpenAssignment,
  sealAssignment,
  verifyEnrolMac,
  verifyEnrolReplyMac,
} from './assignment';
import { generateHpkeKeyPair } from './hpke';

const random = new SeededRandom('admission');
const auth = deriveTokenAuthKey(new TokenSecret(random.bytes(32)));
const request: EnrolRequest = {
  tokenId: 'tok-1',
  method: '/cpns.v1.PnGatewayService/AssignEntityUserKey',
  entity: 'cpns://pn1.td/pne/camera',
  user: 'alice',
  gateway: 'cpns://pn1.td/pn-gw/gw',
  form: 'secret',
  key: random.bytes(65),
  nonce: random.bytes(16),
};
const mac = enrolMac(auth, request);

describe('the MAC of a request', () => {
  it('is taken as it was made', () => {
    expect(reasonOf(() => verifyEnrolMac(auth, request, mac))).toBe('accepted');
  });

  it.each<[string, Partial<EnrolRequest>]>([
    ['token-id', { tokenId: 'tok-2' }],
    ['method', { method: '/cpns.v1.EntityUserKeyService/AssignEntityUserKey' }],
    ['entity', { entity: 'cpns://pn2.td/pne/camera' }],
    ['user', { user: '' }],
    ['gateway', { gateway: 'cpns://pn1.td/pn-gw/other' }],
    ['form', { form: 'key-pair' }],
    ['key', { key: flipped(request.key) }],
    ['nonce', { nonce: flipped(request.nonce) }],
    ['characters moved from one field to the next', { tokenId: 'tok-1/', method: request.method.slice(1) }],
  ])('another %s', (_what, change) => {
    expect(reasonOf(() => verifyEnrolMac(auth, { ...request, ...change }, mac))).toBe('TOKEN_MAC');
  });

  it('another secret, another MAC', () => {
    expect(reasonOf(() => verifyEnrolMac(new TokenAuthKey(random.bytes(32)), request, mac))).toBe('TOKEN_MAC');
    expect(reasonOf(() => verifyEnrolMac(auth, request, flipped(mac, 31)))).toBe('TOKEN_MAC');
  });

  it.each([
    ['no nonce', { nonce: Buffer.alloc(0) }, mac, 'FIELD_MISSING'],
    ['a nonce of 15 bytes', { nonce: Buffer.alloc(15) }, mac, 'FIELD_SIZE'],
    ['no MAC', {}, Buffer.alloc(0), 'FIELD_MISSING'],
    ['a MAC of 31 bytes', {}, mac.subarray(1), 'FIELD_SIZE'],
  ])('%s', (_what, change, given, reason) => {
    expect(reasonOf(() => verifyEnrolMac(auth, { ...request, ...change }, given))).toBe(reason);
  });

  it('its refusal tells nothing of the secret or the right MAC', () => {
    const error = failureOf(() => verifyEnrolMac(auth, request, flipped(mac)));
    expect(error).toBeInstanceOf(CpnsError);
    const told = JSON.stringify({ message: error?.message, metadata: error?.metadata, cause: String(error?.cause) });
    for (const bytes of [mac, auth.expose()]) expect(told).not.toContain(bytes.toString('hex'));
  });
});

it('A and P are apart from each other and from T', () => {
  const secret = new TokenSecret(random.bytes(32));
  const derived = deriveTokenAuthKey(secret);
  const all = [secret, derived, deriveTokenPsk(derived)].map((key) => key.expose().toString('hex'));
  expect(new Set(all).size).toBe(3);
});

const psk = new TokenPsk(random.bytes(32));
const entityUserKey = new EntityUserKey(random.bytes(32));
const secondSeed = new SecondSeed(random.bytes(32));
const credential = { tokenId: 'tok-1' };
const byGateway: AssignmentTerms = {
  entity: 'cpns://pn1.td/pne/camera',
  user: 'alice',
  gateway: 'cpns://pn1.td/pn-gw/gw',
  notAfter: 1_795_000_000_000,
  firstSeedId: 'seed-1',
};
const byServer: AssignmentTerms = { ...byGateway, firstSeedId: '' };

function sealedFor(terms: AssignmentTerms): OpenAssignment {
  const { privateKey, publicKey } = generateHpkeKeyPair(random);
  const secrets = terms.firstSeedId === '' ? { entityUserKey } : { entityUserKey, secondSeed };
  const sealed = sealAssignment({ psk, credential, terms, recipientKey: publicKey, secrets }, random);
  return { psk, credential, terms, privateKey, sealed };
}

describe('an assigned secret (reply 1)', () => {
  it('from a gateway: the key and the second seed', () => {
    const opened = openAssignment(sealedFor(byGateway));
    expect(opened.entityUserKey.equals(entityUserKey)).toBe(true);
    expect(opened.secondSeed?.equals(secondSeed)).toBe(true);
  });

  it('from the Server: the key alone', () => {
    const input = sealedFor(byServer);
    const opened = openAssignment(input);
    expect(opened.entityUserKey.equals(entityUserKey)).toBe(true);
    expect(opened).not.toHaveProperty('secondSeed');
    expect(input.sealed.ciphertext).toHaveLength(48);
  });

  it('is sealed in another way each time', () => {
    const [one, two] = [sealedFor(byServer), sealedFor(byServer)];
    expect(one.sealed.enc).not.toEqual(two.sealed.enc);
    expect(one.sealed.ciphertext).not.toEqual(two.sealed.ciphertext);
  });

  const term = (change: Partial<AssignmentTerms>) => (i: OpenAssignment) => ({
    ...i,
    terms: { ...i.terms, ...change },
  });
  const sealed =
    (change: (sealed: OpenAssignment['sealed']) => Partial<OpenAssignment['sealed']>) => (i: OpenAssignment) => ({
      ...i,
      sealed: { ...i.sealed, ...change(i.sealed) },
    });

  it.each<[string, (input: OpenAssignment) => OpenAssignment, string]>([
    ['another token secret', (i) => ({ ...i, psk: new TokenPsk(random.bytes(32)) }), 'REPLY_MAC'],
    ['another token-id', (i) => ({ ...i, credential: { tokenId: 'tok-2' } }), 'REPLY_MAC'],
    ['a key-id in place of the token-id', (i) => ({ ...i, credential: { keyId: '00'.repeat(16) } }), 'REPLY_MAC'],
    ['another one-time key', (i) => ({ ...i, privateKey: generateHpkeKeyPair(random).privateKey }), 'REPLY_MAC'],
    ['another entity', term({ entity: 'cpns://pn1.td/pne/other' }), 'REPLY_MAC'],
    ['another user', term({ user: 'bob' }), 'REPLY_MAC'],
    ['another gateway', term({ gateway: 'cpns://pn1.td/pn-gw/x' }), 'REPLY_MAC'],
    ['a longer life', term({ notAfter: byGateway.notAfter + 1 }), 'REPLY_MAC'],
    ['another first seed', term({ firstSeedId: 'seed-2' }), 'REPLY_MAC'],
    ['the Server as the assigner', term({ firstSeedId: '' }), 'FIELD_SIZE'],
    ['a changed ciphertext', sealed(({ ciphertext }) => ({ ciphertext: flipped(ciphertext) })), 'REPLY_MAC'],
    ['a changed tag', sealed(({ ciphertext }) => ({ ciphertext: flipped(ciphertext, 79) })), 'REPLY_MAC'],
    ['a cut ciphertext', sealed(({ ciphertext }) => ({ ciphertext: ciphertext.subarray(1) })), 'FIELD_SIZE'],
    ['no ciphertext', sealed(() => ({ ciphertext: Buffer.alloc(0) })), 'FIELD_MISSING'],
    ['an enc that is no point', sealed(({ enc }) => ({ enc: flipped(enc, 64) })), 'MALFORMED_MESSAGE'],
    ['a cut enc', sealed(({ enc }) => ({ enc: enc.subarray(1) })), 'FIELD_SIZE'],
    ['the enc of another reply', sealed(() => ({ enc: generateHpkeKeyPair(random).publicKey })), 'REPLY_MAC'],
  ])('%s', (_what, change, reason) => {
    const input = sealedFor(byGateway);
    expect(reasonOf(() => openAssignment(input))).toBe('accepted');
    const changed = change(input);
    expect(reasonOf(() => openAssignment(changed))).toBe(reason);
  });

  it('has a second seed exactly when it names a first seed', () => {
    const { publicKey } = generateHpkeKeyPair(random);
    const input = { psk, credential, recipientKey: publicKey };
    const without = () => sealAssignment({ ...input, terms: byGateway, secrets: { entityUserKey } }, random);
    expect(without).toThrow(RangeError);
    const beside = () => sealAssignment({ ...input, terms: byServer, secrets: { entityUserKey, secondSeed } }, random);
    expect(beside).toThrow(RangeError);
  });

  it('is not sealed to what is no key', () => {
    const { publicKey } = generateHpkeKeyPair(random);
    const seal = (recipientKey: Uint8Array) => () =>
      sealAssignment({ psk, credential, terms: byServer, recipientKey, secrets: { entityUserKey } }, random);
    expect(reasonOf(seal(publicKey))).toBe('accepted');
    expect(reasonOf(seal(flipped(publicKey, 64)))).toBe('MALFORMED_MESSAGE');
    expect(reasonOf(seal(Buffer.alloc(0)))).toBe('FIELD_MISSING');
  });
});

describe('the MAC of a certificate reply (reply 2)', () => {
  const auth = new TokenAuthKey(random.bytes(32));
  const reply: EnrolReply = {
    credential,
    key: random.bytes(91),
    nonce: random.bytes(16),
    chain: [random.bytes(600), random.bytes(500)],
  };
  const mac = enrolReplyMac(auth, reply);
  const [leaf, root] = [reply.chain[0]!, reply.chain[1]!];

  it('is taken as it was made', () => {
    expect(reasonOf(() => verifyEnrolReplyMac(auth, reply, mac))).toBe('accepted');
  });

  it.each<[string, Partial<EnrolReply>, string]>([
    ['another token', { credential: { tokenId: 'tok-2' } }, 'REPLY_MAC'],
    ['a key-id for the token', { credential: { keyId: '00'.repeat(16) } }, 'REPLY_MAC'],
    ['another key', { key: flipped(reply.key) }, 'REPLY_MAC'],
    ['another nonce', { nonce: flipped(reply.nonce) }, 'REPLY_MAC'],
    ['another leaf', { chain: [flipped(leaf, 300), root] }, 'REPLY_MAC'],
    ['another root', { chain: [leaf, flipped(root, 499)] }, 'REPLY_MAC'],
    ['the chain turned round', { chain: [root, leaf] }, 'REPLY_MAC'],
    ['no root', { chain: [leaf] }, 'REPLY_MAC'],
    ['no chain', { chain: [] }, 'REPLY_MAC'],
    ['a short nonce', { nonce: Buffer.alloc(8) }, 'FIELD_SIZE'],
  ])('%s', (_what, change, reason) => {
    expect(reasonOf(() => verifyEnrolReplyMac(auth, { ...reply, ...change }, mac))).toBe(reason);
  });

  it('is not what a stranger makes', () => {
    expect(reasonOf(() => verifyEnrolReplyMac(new TokenAuthKey(random.bytes(32)), reply, mac))).toBe('REPLY_MAC');
    expect(reasonOf(() => verifyEnrolReplyMac(auth, reply, mac.subarray(1)))).toBe('FIELD_SIZE');
  });
});
