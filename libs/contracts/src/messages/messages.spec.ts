import {
  AssignmentRequest,
  KeyForm,
  RegistrationRequest,
  type AssignmentReply,
} from '../generated/cpns/v1/entity_user_key_types';
import { opensslOk } from '@cpns/certificate-issuance/testing';
import { SecondSeed } from '@cpns/core';
import { flipped, reasonOf, SeededRandom } from '@cpns/core/testing';
import { generateHpkeKeyPair } from '@cpns/key-derivation';
import {
  assignmentReply,
  assignmentRequest,
  certificateRegistrationRequest,
  checkAssignment,
  checkAssignmentReply,
  checkRegistration,
  checkRegistrationReply,
  registrationReply,
  secretRegistrationRequest,
} from '..';

const random = new SeededRandom('messages');
const METHOD = '/cpns.v1.PnGatewayService/AssignEntityUserKey';
const E = 'cpns://pn1.td.example/pne/a';
const GATEWAY = 'cpns://pn1.td.example/pn-gw/gw';

describe('a request for an Entity-User Key', () => {
  let good: AssignmentRequest;
  let withCsr: AssignmentRequest;
  let csr: Buffer;

  beforeAll(() => {
    const { publicKey } = generateHpkeKeyPair(random);
    const names = { tokenId: 't1', method: METHOD, entity: E, user: '', gateway: GATEWAY };
    const enrol = { ...names, form: 'secret', key: publicKey, nonce: random.bytes(16) } as const;
    good = assignmentRequest({ enrol, mac: random.bytes(32) });
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', '/dev/null'];
    csr = opensslOk(['req', '-new', ...key, '-subj', '/CN=ignored', '-outform', 'DER']);
    withCsr = { ...good, form: KeyForm.KEY_FORM_KEY_PAIR, key: { $case: 'csr', value: csr } };
  });

  it('is the same after the wire, in both forms', () => {
    for (const request of [good, withCsr]) {
      const sent = checkAssignment(request, METHOD);
      const received = checkAssignment(AssignmentRequest.decode(AssignmentRequest.encode(request).finish()), METHOD);
      expect(received.enrol).toEqual(sent.enrol);
      expect(received.digest.equals(sent.digest)).toBe(true);
    }
  });

  it('has another digest for another field or method', () => {
    const { digest } = checkAssignment(good, METHOD);
    expect(checkAssignment({ ...good, nonce: random.bytes(16) }, METHOD).digest.equals(digest)).toBe(false);
    expect(checkAssignment(good, '/cpns.v1.X/Y').digest.equals(digest)).toBe(false);
  });

  const hpke = (bytes: Buffer) => ({ key: { $case: 'hpkePublicKey', value: bytes } }) as const;
  const rows: [string, Partial<AssignmentRequest> | undefined, string][] = [
    ['nothing', undefined, 'FIELD_MISSING'],
    ['no token', { tokenId: '' }, 'FIELD_MISSING'],
    ['a token-id over its length', { tokenId: 'a'.repeat(65) }, 'FIELD_TOO_LONG'],
    ['a token-id with a slash', { tokenId: 'a/b' }, 'NAME_INVALID'],
    ['a user-info trick', { entity: 'cpns://pn1.td:x@pn2.td/pne/a' }, 'NAME_INVALID'],
    ['a path trick', { entity: `${E}/../b` }, 'NAME_INVALID'],
    ['a gateway that is a PNE', { gateway: E }, 'NAME_INVALID'],
    ['no form', { form: KeyForm.KEY_FORM_UNSPECIFIED }, 'FIELD_OUT_OF_RANGE'],
    ['an unknown form', { form: 7 as KeyForm }, 'FIELD_OUT_OF_RANGE'],
    ['no key', { key: undefined }, 'FIELD_MISSING'],
    ['the key of the other form', { form: KeyForm.KEY_FORM_KEY_PAIR }, 'FIELD_MISSING'],
    ['a key that is no point', hpke(Buffer.alloc(65, 4)), 'MALFORMED_MESSAGE'],
    ['a short key', hpke(Buffer.alloc(64, 4)), 'FIELD_SIZE'],
    ['no nonce', { nonce: Buffer.alloc(0) }, 'FIELD_MISSING'],
    ['a long nonce', { nonce: Buffer.alloc(17) }, 'FIELD_SIZE'],
    ['a short MAC', { mac: Buffer.alloc(31) }, 'FIELD_SIZE'],
  ];
  it.each(rows)('%s', (_what, change, reason) => {
    expect(reasonOf(() => checkAssignment(good, METHOD))).toBe('accepted');
    expect(reasonOf(() => checkAssignment(change && { ...good, ...change }, METHOD))).toBe(reason);
  });

  it.each([
    ['a CSR with bytes behind it', (der: Buffer) => Buffer.concat([der, Buffer.of(0)]), 'CSR_TRAILING_BYTES'],
    ['a CSR that was cut', (der: Buffer) => der.subarray(0, -1), 'CSR_NOT_DER'],
    ['a CSR with another signature', (der: Buffer) => flipped(der, -1), 'CSR_SIGNATURE'],
  ])('%s', (_what, alter, reason) => {
    const check = (value: Buffer) => checkAssignment({ ...withCsr, key: { $case: 'csr', value } }, METHOD);
    expect(reasonOf(() => check(csr))).toBe('accepted');
    expect(reasonOf(() => check(alter(csr)))).toBe(reason);
  });

  it.each([
    ['/cpns.v1.A/B', 'accepted'],
    ['', 'FIELD_MISSING'],
    ['cpns.v1.A/B', 'NAME_INVALID'],
    ['/cpns.v1.A/B\n', 'NAME_INVALID'],
    ['/other.v1.A/B', 'NAME_INVALID'],
    [`/cpns.v1.${'A'.repeat(51)}/B`, 'NAME_INVALID'],
  ])('method %j: %s', (method, reason) => {
    expect(reasonOf(() => checkAssignment(good, method))).toBe(reason);
  });
});

describe('its reply', () => {
  const chain = [Buffer.from('leaf'), Buffer.from('root')];

  it('is the same after the wire, in both forms', () => {
    const { publicKey: enc } = generateHpkeKeyPair(random);
    const sealed = { enc, ciphertext: random.bytes(48) };
    const secret = { form: 'secret', sealed, notAfter: 5_000, firstSeedId: 's1' } as const;
    const pair = { form: 'key-pair', chain, mac: random.bytes(32) } as const;
    expect(checkAssignmentReply(assignmentReply(secret), 'secret')).toEqual(secret);
    expect(checkAssignmentReply(assignmentReply(pair), 'key-pair')).toEqual(pair);
    expect(reasonOf(() => checkAssignmentReply(assignmentReply(pair), 'secret'))).toBe('FIELD_MISSING');
  });

  const certificate = (change: object): AssignmentReply => ({
    reply: { $case: 'certificate', value: { chain, mac: Buffer.alloc(32), ...change } },
  });
  it.each<[string, AssignmentReply | undefined, string]>([
    ['nothing', undefined, 'FIELD_MISSING'],
    ['an empty one', { reply: undefined }, 'FIELD_MISSING'],
    ['no certificate', certificate({ chain: [] }), 'FIELD_MISSING'],
    ['too many certificates', certificate({ chain: Array<Buffer>(5).fill(Buffer.of(1)) }), 'FIELD_OUT_OF_RANGE'],
    ['a huge certificate', certificate({ chain: [Buffer.alloc(8_193)] }), 'FIELD_TOO_LONG'],
    ['no MAC', certificate({ mac: Buffer.alloc(0) }), 'FIELD_MISSING'],
  ])('%s', (_what, reply, reason) => {
    expect(reasonOf(() => checkAssignmentReply(reply, 'key-pair'))).toBe(reason);
  });
});

describe('a registration', () => {
  const registration = {
    tokenId: 't1',
    firstSeedId: 's1',
    gateway: GATEWAY,
    entity: E,
    user: 'u1',
    notAfter: 5_000,
    secondSeed: new SecondSeed(random.bytes(32)),
    nonce: random.bytes(16),
  };
  const good = secretRegistrationRequest(registration, random.bytes(32));
  const secretOf = (request: RegistrationRequest) => {
    if (request.registration?.$case !== 'secret') throw new Error('not a secret registration');
    return request.registration.value;
  };
  const altered = (change: Partial<ReturnType<typeof secretOf>>): RegistrationRequest => ({
    ...good,
    registration: { $case: 'secret', value: { ...secretOf(good), ...change } },
  });

  it('is the same after the wire', () => {
    const checked = checkRegistration(RegistrationRequest.decode(RegistrationRequest.encode(good).finish()));
    if (checked.form !== 'secret') throw new Error('another form');
    const { secondSeed, ...rest } = checked.registration;
    expect(rest).toEqual({ ...registration, secondSeed: undefined, ...rest });
    expect(secondSeed.equals(registration.secondSeed)).toBe(true);
    expect(checked.replaceMac).toBeUndefined();
  });

  it('of a certificate is the same after the wire', () => {
    const { publicKey: hpkeKey } = generateHpkeKeyPair(random);
    const input = { tokenId: 't1', entity: E, user: '', chain: [Buffer.of(1)], hpkeKey, signature: random.bytes(70) };
    const checked = checkRegistration(certificateRegistrationRequest(input));
    expect(checked).toMatchObject({ form: 'key-pair', chain: input.chain, hpkeKey, signature: input.signature });
  });

  it.each([
    ['nothing', undefined, 'FIELD_MISSING'],
    ['no registration', { ...good, registration: undefined }, 'FIELD_MISSING'],
    ['a replace MAC of another size', { ...good, replaceMac: Buffer.alloc(31) }, 'FIELD_SIZE'],
    ['a user outside its pattern', { ...good, user: 'a b' }, 'NAME_INVALID'],
    ['a seed-id that begins with a dot', altered({ firstSeedId: '.s' }), 'NAME_INVALID'],
    ['a gateway that is a PNE', altered({ gateway: E }), 'NAME_INVALID'],
    ['no end', altered({ notAfter: 0n }), 'FIELD_MISSING'],
    ['an end that is no time', altered({ notAfter: 1n << 60n }), 'FIELD_OUT_OF_RANGE'],
    ['a short second seed', altered({ secondSeed: Buffer.alloc(31) }), 'FIELD_SIZE'],
    ['no nonce', altered({ nonce: Buffer.alloc(0) }), 'FIELD_MISSING'],
    ['no confirmation', altered({ confirmation: Buffer.alloc(0) }), 'FIELD_MISSING'],
  ])('%s', (_what, request, reason) => {
    expect(reasonOf(() => checkRegistration(request))).toBe(reason);
  });

  it('has a reply that is the same after the wire, in both forms', () => {
    const { publicKey: enc } = generateHpkeKeyPair(random);
    const secret = { form: 'secret', keyId: random.bytes(16), confirmation: random.bytes(32) } as const;
    const [keyId, signature, chain] = [random.bytes(16), random.bytes(70), [Buffer.of(1)]];
    const pair = { form: 'key-pair', keyId, enc, signature, chain } as const;
    expect(checkRegistrationReply(registrationReply(secret))).toEqual(secret);
    expect(checkRegistrationReply(registrationReply(pair))).toEqual(pair);
    const short = { ...registrationReply(secret), keyId: Buffer.alloc(15) };
    expect(reasonOf(() => checkRegistrationReply(short))).toBe('FIELD_SIZE');
  });
});
