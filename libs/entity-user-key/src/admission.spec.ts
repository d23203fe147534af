import { CpnsError, EntityUserKey, SecondSeed, TokenAuthKey } from '@cpns/core';
import { outcomeOf, reasonOf, SeededRandom } from '@cpns/core/testing';
import {
  deriveTokenPsk,
  enrolMac,
  type EnrolRequest,
  generateHpkeKeyPair,
  openAssignment,
  sha256,
  verifyEnrolReplyMac,
} from '@cpns/key-derivation';
import {
  ADMISSION_LIFE_CYCLE,
  type AdmissionEvent,
  type AdmissionState,
  advanceAdmission,
  answerWithCertificate,
  answerWithSecret,
  checkClaim,
  checkNotExpired,
  checkNotRevoked,
  type GrantedToken,
  judgeRequest,
  type TokenRequest,
} from './admission';

const server = 'cpns://td.example/service/cpns-server';
const STATES: readonly AdmissionState[] = ['open', 'assigned', 'registered', 'revoked'];
const EVENTS: readonly AdmissionEvent[] = ['assign', 'register', 'revoke'];

describe('the life cycle of an admission', () => {
  // assign, register, revoke: as in EVENTS
  it.each<[AdmissionState, string[]]>([
    ['open', ['assigned', 'registered', 'revoked']],
    ['assigned', ['TOKEN_SPENT', 'registered', 'revoked']],
    ['registered', ['TOKEN_SPENT', 'TOKEN_SPENT', 'revoked']],
    ['revoked', ['TOKEN_REVOKED', 'TOKEN_REVOKED', 'revoked']],
  ])('%s', (state, expected) => {
    expect(EVENTS.map((event) => outcomeOf(() => advanceAdmission(state, event)))).toEqual(expected);
  });

  it('has one row for a pair at most', () => {
    const keys = ADMISSION_LIFE_CYCLE.map(({ state, event }) => `${state} ${event}`);
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe('a claim held against its admission', () => {
  const admission = {
    tokenId: 't1',
    entity: 'cpns://pn1.td.example/pne/a',
    user: 'u1',
    form: 'secret' as const,
    assigner: server,
    state: 'open' as const,
    expiresAt: 1_000,
  };
  const claim = { entity: admission.entity, user: 'u1', form: 'secret' as const };

  it.each([
    ['as admitted', claim, server, 'accepted'],
    ['another entity', { ...claim, entity: 'cpns://pn1.td.example/pne/b' }, server, 'TOKEN_OTHER_ENTITY'],
    ['the same id in another PN', { ...claim, entity: 'cpns://pn2.td.example/pne/a' }, server, 'TOKEN_OTHER_ENTITY'],
    ['another user', { ...claim, user: 'u2' }, server, 'TOKEN_OTHER_ENTITY'],
    ['no user where one is admitted', { ...claim, user: '' }, server, 'TOKEN_OTHER_ENTITY'],
    ['the other assigner', claim, 'cpns://pn1.td.example/pn-gw/gw', 'TOKEN_OTHER_ASSIGNER'],
    ['the other form', { ...claim, form: 'key-pair' as const }, server, 'TOKEN_OTHER_FORM'],
  ])('%s: %s', (_what, given, assigner, reason) => {
    expect(reasonOf(() => checkClaim(admission, given, assigner))).toBe(reason);
  });

  it.each([
    [999, 'accepted'],
    [1_000, 'TOKEN_EXPIRED'],
    [1_001, 'TOKEN_EXPIRED'],
  ])('a token that ends at 1,000, at %i: %s', (now, reason) => {
    expect(reasonOf(() => checkNotExpired(admission.expiresAt, now))).toBe(reason);
  });

  it.each(STATES)('state %s is refused exactly when revoked', (state) => {
    expect(reasonOf(() => checkNotRevoked(state))).toBe(state === 'revoked' ? 'TOKEN_REVOKED' : 'accepted');
  });
});

const random = new SeededRandom('judge-request');
const authKey = new TokenAuthKey(random.bytes(32));

const enrol: EnrolRequest = {
  tokenId: 't1',
  method: '/cpns.v1.PnGatewayService/AssignEntityUserKey',
  entity: 'cpns://pn1.td.example/pne/a',
  user: '',
  gateway: 'cpns://pn1.td.example/pn-gw/gw',
  form: 'secret',
  key: random.bytes(65),
  nonce: random.bytes(16),
};
const token: GrantedToken = {
  tokenId: 't1',
  entity: enrol.entity,
  user: '',
  form: 'secret',
  assigner: server,
  state: 'open',
  expiresAt: 1_000,
  authKey,
};
const signed = (request: EnrolRequest, key = authKey): TokenRequest => ({
  enrol: request,
  mac: enrolMac(key, request),
  digest: sha256(Buffer.from(JSON.stringify(request))),
});
const good = signed(enrol);
const spent: GrantedToken = {
  ...token,
  state: 'registered',
  spent: { digest: good.digest, reply: Buffer.from('reply') },
};

const outcome = (given: GrantedToken, request: TokenRequest, now = 500): string =>
  outcomeOf(() => Buffer.from(judgeRequest(given, request, server, now) ?? 'work').toString());

describe('a request for an Entity-User Key', () => {
  it.each([
    ['as admitted', token, good, 'work'],
    ['repeated to the letter', spent, good, 'reply'],
    ['another one with a used token', spent, signed({ ...enrol, nonce: random.bytes(16) }), 'TOKEN_SPENT'],
    ['with a used token whose reply was not kept', { ...token, state: 'assigned' as const }, good, 'TOKEN_SPENT'],
    ['revoked', { ...token, state: 'revoked' as const }, good, 'TOKEN_REVOKED'],
    ['made with another secret', token, signed(enrol, new TokenAuthKey(random.bytes(32))), 'TOKEN_MAC'],
    ['with a swapped key', token, { ...good, enrol: { ...enrol, key: random.bytes(65) } }, 'TOKEN_MAC'],
    ['with another gateway put in', token, { ...good, enrol: { ...enrol, gateway: `${enrol.gateway}2` } }, 'TOKEN_MAC'],
    ['with another method put in', token, { ...good, enrol: { ...enrol, method: '/cpns.v1.X/Y' } }, 'TOKEN_MAC'],
    ['for another entity', token, signed({ ...enrol, entity: `${enrol.entity}2` }), 'TOKEN_OTHER_ENTITY'],
    ['for another user', token, signed({ ...enrol, user: 'u' }), 'TOKEN_OTHER_ENTITY'],
    ['for the other form', token, signed({ ...enrol, form: 'key-pair' }), 'TOKEN_OTHER_FORM'],
    ['to the other assigner', { ...token, assigner: enrol.gateway }, good, 'TOKEN_OTHER_ASSIGNER'],
  ])('%s', (_what, given, request, expected) => {
    expect(outcome(given, request)).toBe(expected);
  });

  it('ends with its token, repeated or not', () => {
    expect(outcome(token, good, 1_000)).toBe('TOKEN_EXPIRED');
    expect(outcome(spent, good, 1_000)).toBe('TOKEN_EXPIRED');
  });

  it('tells a stranger nothing about the state of a token', () => {
    const strange = signed(enrol, new TokenAuthKey(random.bytes(32)));
    const states = [token, spent, { ...token, state: 'revoked' as const }];
    expect(states.map((given) => outcome(given, strange, 2_000))).toEqual(['TOKEN_MAC', 'TOKEN_MAC', 'TOKEN_MAC']);
  });
});

describe('its answer', () => {
  const shown = { credential: { tokenId: 't1' }, authKey };

  it('is open to the holder of the one-time key alone', () => {
    const pair = generateHpkeKeyPair(random);
    const request = { ...enrol, key: pair.publicKey };
    const [entityUserKey, secondSeed] = [new EntityUserKey(random.bytes(32)), new SecondSeed(random.bytes(32))];
    const secrets = { entityUserKey, secondSeed };
    const answer = answerWithSecret(shown, request, { secrets, notAfter: 9_000, firstSeedId: 's1' }, random);
    const { entity, user, gateway } = request;
    const { notAfter, firstSeedId, sealed } = answer;
    const terms = { entity, user, gateway, notAfter, firstSeedId };
    const open = (privateKey: typeof pair.privateKey) =>
      openAssignment({ psk: deriveTokenPsk(authKey), credential: shown.credential, terms, privateKey, sealed });
    const opened = open(pair.privateKey);
    expect(opened.entityUserKey.equals(secrets.entityUserKey)).toBe(true);
    expect(opened.secondSeed?.equals(secrets.secondSeed)).toBe(true);
    const { privateKey: other } = generateHpkeKeyPair(random);
    expect(() => open(other)).toThrow(expect.objectContaining({ reason: 'REPLY_MAC' }) as Error);
  });

  it('vouches for a whole chain', () => {
    const chain = [Buffer.from('leaf'), Buffer.from('root')];
    const { mac } = answerWithCertificate(shown, enrol, chain);
    const reply = { credential: shown.credential, key: enrol.key, nonce: enrol.nonce };
    expect(() => verifyEnrolReplyMac(authKey, { ...reply, chain }, mac)).not.toThrow();
    expect(() => verifyEnrolReplyMac(authKey, { ...reply, chain: [...chain].reverse() }, mac)).toThrow(CpnsError);
  });
});
