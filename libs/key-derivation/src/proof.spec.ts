import { constants, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import fc from 'fast-check';
import { ConfirmKey } from '@cpns/core';
import { failureOf, FakeClock, flipped, reasonOf, SeededRandom, itHolds } from '@cpns/core/testing';
import { requireSignature, sha256, signBytes, verifyBytes } from './formulas';
import {
  encodeProof,
  makeProof,
  parseProof,
  type Proof,
  PROOF_WINDOW_MS,
  type ProofCall,
  type ProofFields,
  provenVerifierTime,
  verifierTimeMac,
  verifyProof,
} from './proof';

const keyKinds: Readonly<Record<string, () => { publicKey: KeyObject; privateKey: KeyObject }>> = {
  'P-256': () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
  'RSA-2048': () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  'RSA-3072': () => generateKeyPairSync('rsa', { modulusLength: 3072 }),
  Ed25519: () => generateKeyPairSync('ed25519'),
};
const x = Buffer.from('cpns/v1/pairwise and so on');
const generated = Object.entries(keyKinds).map(([kind, generate]) => [kind, generate()] as const);

describe.each(generated)('sign(x) with %s', (_kind, { publicKey, privateKey }) => {
  const signature = signBytes(privateKey, x);
  const spki = publicKey.export({ format: 'der', type: 'spki' });

  it('verifies, by the key and by its SubjectPublicKeyInfo', () => {
    expect(verifyBytes(publicKey, x, signature)).toBe(true);
    expect(verifyBytes(spki, x, signature)).toBe(true);
    expect(reasonOf(() => requireSignature(spki, x, signature))).toBe('accepted');
  });

  it.each([
    ['other bytes', flipped(x), signature],
    ['a changed signature', x, flipped(signature, signature.length - 1)],
    ['a cut signature', x, signature.subarray(0, -1)],
    ['a longer signature', x, Buffer.concat([signature, Buffer.of(0)])],
    ['no signature', x, Buffer.alloc(0)],
    ['zeros', x, Buffer.alloc(signature.length)],
  ])('does not take %s', (_what, bytes, given) => {
    expect(verifyBytes(publicKey, bytes, given)).toBe(false);
    expect(reasonOf(() => requireSignature(publicKey, bytes, given))).toBe('SIGNATURE_INVALID');
  });

  it('does not take the signature of another key', () => {
    for (const [, other] of generated)
      if (other.publicKey !== publicKey) expect(verifyBytes(other.publicKey, x, signature)).toBe(false);
  });
});

describe('the scheme of each kind', () => {
  const rsa = keyKinds['RSA-2048']!();

  it('RSA: PSS with a salt of 32 bytes, and nothing else', () => {
    const pss = { key: rsa.publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
    expect(verify('sha256', x, pss, signBytes(rsa.privateKey, x))).toBe(true);
    const others = [
      sign('sha256', x, rsa.privateKey),
      sign('sha256', x, { key: rsa.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 20 }),
      sign('sha384', x, { key: rsa.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }),
    ];
    for (const other of others) expect(verifyBytes(rsa.publicKey, x, other)).toBe(false);
  });

  it('P-256: DER, and not the two numbers side by side', () => {
    const { publicKey, privateKey } = keyKinds['P-256']!();
    expect(verify('sha256', x, { key: publicKey, dsaEncoding: 'der' }, signBytes(privateKey, x))).toBe(true);
    expect(verifyBytes(publicKey, x, sign('sha256', x, { key: privateKey, dsaEncoding: 'ieee-p1363' }))).toBe(false);
  });
});

describe('keys of no permitted kind', () => {
  it.each([
    ['P-384', generateKeyPairSync('ec', { namedCurve: 'secp384r1' })],
    ['secp256k1', generateKeyPairSync('ec', { namedCurve: 'secp256k1' })],
    ['RSA-1024', generateKeyPairSync('rsa', { modulusLength: 1024 })],
    ['RSA for PSS alone', generateKeyPairSync('rsa-pss', { modulusLength: 2048 })],
    ['Ed448', generateKeyPairSync('ed448')],
  ])('%s', (_what, { publicKey, privateKey }) => {
    expect(reasonOf(() => signBytes(privateKey, x))).toBe('CSR_WEAK_KEY');
    expect(reasonOf(() => verifyBytes(publicKey, x, Buffer.alloc(64)))).toBe('CSR_WEAK_KEY');
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['no DER', Buffer.from('not a key')],
  ])('%s', (_what, spki) => {
    expect(reasonOf(() => verifyBytes(spki, x, Buffer.alloc(64)))).toBe('MALFORMED_MESSAGE');
    expect(() => createPublicKey({ key: spki, format: 'der', type: 'spki' })).toThrow();
  });
});

const random = new SeededRandom('proof');
const clock = new FakeClock();
const key = new ConfirmKey(random.bytes(32));
const fields: ProofFields = {
  keyId: random.bytes(16).toString('hex'),
  entity: 'cpns://pn1.td/pne/camera',
  timeMs: clock.now(),
  nonce: random.bytes(16),
};
const call: ProofCall = {
  audience: 'cpns://pn1.td/pn-gw/gw',
  method: '/cpns.v1.PnGatewayService/PullGroupKey',
  requestDigest: sha256(Buffer.from('request')),
};
const bytes = makeProof(key, fields, call);
const proof = parseProof(bytes);

describe('a proof', () => {
  it('is taken for the call that it was made for', () => {
    expect(reasonOf(() => verifyProof(key, proof, call, clock.now()))).toBe('accepted');
  });

  it.each<[string, Partial<Proof>, Partial<ProofCall>, string]>([
    ['another audience', {}, { audience: 'cpns://pn1.td/pn-gw/other' }, 'PROOF_MAC'],
    ['another method', {}, { method: '/cpns.v1.PnGatewayService/JoinServiceGroup' }, 'PROOF_MAC'],
    ['another request', {}, { requestDigest: sha256(Buffer.from('another')) }, 'PROOF_MAC'],
    ['another entity', { entity: 'cpns://pn1.td/pne/other' }, {}, 'PROOF_MAC'],
    ['another time', { timeMs: proof.timeMs + 1 }, {}, 'PROOF_MAC'],
    ['another nonce', { nonce: flipped(proof.nonce) }, {}, 'PROOF_MAC'],
    ['another MAC', { mac: flipped(proof.mac, 31) }, {}, 'PROOF_MAC'],
    ['another time, far away: the MAC is judged first', { timeMs: 0 }, {}, 'PROOF_MAC'],
    ['a short nonce', { nonce: Buffer.alloc(15) }, {}, 'FIELD_SIZE'],
    ['a short MAC', { mac: Buffer.alloc(31) }, {}, 'FIELD_SIZE'],
    ['a request in place of its digest', {}, { requestDigest: Buffer.from('request') }, 'FIELD_SIZE'],
  ])('%s', (_what, changedProof, changedCall, reason) => {
    const run = () => verifyProof(key, { ...proof, ...changedProof }, { ...call, ...changedCall }, clock.now());
    expect(reasonOf(run)).toBe(reason);
  });

  it('is of one key', () => {
    const other = new ConfirmKey(random.bytes(32));
    expect(reasonOf(() => verifyProof(other, proof, call, clock.now()))).toBe('PROOF_MAC');
  });

  it.each([
    ['as old as it may be', PROOF_WINDOW_MS, 'accepted'],
    ['too old', PROOF_WINDOW_MS + 1, 'PROOF_OUTSIDE_WINDOW'],
    ['as early as it may be', -PROOF_WINDOW_MS, 'accepted'],
    ['from the future', -PROOF_WINDOW_MS - 1, 'PROOF_OUTSIDE_WINDOW'],
  ])('%s', (_what, age, reason) => {
    const now = proof.timeMs + age;
    const error = failureOf(() => verifyProof(key, proof, call, now));
    expect(error?.reason ?? 'accepted').toBe(reason);
    if (error === undefined) return;
    const mac = verifierTimeMac(key, call.audience, proof.nonce, now).toString('hex');
    expect(error.metadata).toEqual({ verifier_time_ms: String(now), difference_ms: String(-age), time_mac: mac });
  });

  it.each<[string, Partial<Record<string, string>>, string, number | undefined]>([
    ['as it is told', {}, call.audience, 5_000],
    ['for another audience', {}, 'cpns://td/service/smf', undefined],
    ['another time', { verifier_time_ms: '5001' }, call.audience, undefined],
    ['a time that is not exact', { verifier_time_ms: '9007199254740992' }, call.audience, undefined],
    ['no time', { verifier_time_ms: '' }, call.audience, undefined],
    ['no MAC', { time_mac: '' }, call.audience, undefined],
    ['half a MAC', { time_mac: '00'.repeat(16) }, call.audience, undefined],
  ])('gives the time of its verifier: %s', (_what, change, audience, expected) => {
    const time_mac = verifierTimeMac(key, call.audience, proof.nonce, 5_000).toString('hex');
    const metadata = { verifier_time_ms: '5000', time_mac, ...change } as Record<string, string>;
    expect(provenVerifierTime(key, audience, proof.nonce, metadata)).toBe(expected);
    expect(provenVerifierTime(key, audience, flipped(proof.nonce), metadata)).toBeUndefined();
  });
});

describe('cpns-proof-bin', () => {
  it.each<[string, Buffer, string]>([
    ['as it is', bytes, 'accepted'],
    ['nothing', Buffer.alloc(0), 'MALFORMED_MESSAGE'],
    ['cut', bytes.subarray(0, -1), 'MALFORMED_MESSAGE'],
    ['one byte more', Buffer.concat([bytes, Buffer.of(0)]), 'MALFORMED_MESSAGE'],
    ['an entity with a user', makeProof(key, { ...fields, entity: `${fields.entity}?user=a` }, call), 'NAME_INVALID'],
    ['an operator', makeProof(key, { ...fields, entity: 'cpns://td/operator/root' }, call), 'NAME_INVALID'],
    ['no entity', makeProof(key, { ...fields, entity: '' }, call), 'FIELD_MISSING'],
    ['a time that is not exact', withTime(1n << 53n), 'FIELD_OUT_OF_RANGE'],
    ['the last exact time', withTime((1n << 53n) - 1n), 'accepted'],
  ])('%s', (_what, given, reason) => {
    expect(reasonOf(() => parseProof(given))).toBe(reason);
  });

  it.each<[string, Partial<Proof>, string]>([
    ['a nonce of 17 bytes', { nonce: Buffer.alloc(17) }, 'FIELD_SIZE'],
    ['no MAC', { mac: Buffer.alloc(0) }, 'FIELD_MISSING'],
    ['a key-id of 15 bytes', { keyId: '00'.repeat(15) }, 'NAME_INVALID'],
  ])('is not written with %s', (_what, change, reason) => {
    expect(reasonOf(() => encodeProof({ ...proof, ...change }))).toBe(reason);
  });

  const sized = (size: number) => fc.uint8Array({ minLength: size, maxLength: size }).map((b) => Buffer.from(b));
  const any: fc.Arbitrary<Proof> = fc.record({
    keyId: sized(16).map((b) => b.toString('hex')),
    entity: fc.stringMatching(/^cpns:\/\/[a-z0-9-]{1,63}\.[a-z]{1,20}\/(pne|pn-gw)\/[A-Za-z0-9_-]{1,64}$/),
    timeMs: fc.maxSafeNat(),
    nonce: sized(16),
    mac: sized(32),
  });
  itHolds('is read back as it was written', [any], (given) => {
    expect(parseProof(encodeProof(given))).toEqual(given);
  });

  const altered = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)).map(([at, value]) => {
    const out = Buffer.from(bytes);
    out[at] = value;
    return out;
  });
  itHolds(
    'of any bytes is refused with a reason, or written back alike',
    [fc.oneof(altered, fc.uint8Array({ maxLength: 300 }))],
    (given) => {
      const reason = reasonOf(() => expect(encodeProof(parseProof(given)).equals(given)).toBe(true));
      expect(reason).toMatch(/^(accepted|MALFORMED_MESSAGE|NAME_INVALID|FIELD_(MISSING|TOO_LONG|OUT_OF_RANGE))$/);
    },
    { numRuns: 400 },
  );
});

function withTime(ms: bigint): Buffer {
  const out = Buffer.from(bytes);
  out.writeBigUInt64BE(ms, bytes.length - 32 - 16 - 8);
  return out;
}
