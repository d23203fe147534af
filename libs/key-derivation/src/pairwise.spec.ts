import { flipped, reasonOf, SeededRandom } from '@cpns/core/testing';
import { generateHpkeKeyPair } from './hpke';
import { acceptPairwise, hpkeKeyStatement, offerPairwise, pairwiseStatement, type PairwiseTerms } from './pairwise';

const random = new SeededRandom('pairwise');
const terms: PairwiseTerms = { entity: 'cpns://pn1.td/pne/camera', user: 'alice', certificate: random.bytes(700) };

describe('S of a certificate holder', () => {
  it('is the same on both sides, and another each time', () => {
    const { privateKey, publicKey } = generateHpkeKeyPair(random);
    const [one, two] = [offerPairwise(terms, publicKey, random), offerPairwise(terms, publicKey, random)];
    expect(acceptPairwise(terms, privateKey, one.enc).equals(one.secret)).toBe(true);
    expect(acceptPairwise(terms, privateKey, two.enc).equals(two.secret)).toBe(true);
    expect(one.secret.equals(two.secret)).toBe(false);
  });

  it.each<[string, Partial<PairwiseTerms>]>([
    ['entity', { entity: 'cpns://pn1.td/pne/other' }],
    ['user', { user: '' }],
    ['certificate', { certificate: flipped(terms.certificate, 350) }],
  ])('is of one %s', (_what, change) => {
    const { privateKey, publicKey } = generateHpkeKeyPair(random);
    const { enc, secret } = offerPairwise(terms, publicKey, random);
    expect(acceptPairwise(terms, privateKey, enc).equals(secret)).toBe(true);
    expect(acceptPairwise({ ...terms, ...change }, privateKey, enc).equals(secret)).toBe(false);
  });

  it('is of one key K and one enc', () => {
    const { privateKey, publicKey } = generateHpkeKeyPair(random);
    const other = generateHpkeKeyPair(random);
    const { enc, secret } = offerPairwise(terms, publicKey, random);
    expect(acceptPairwise(terms, other.privateKey, enc).equals(secret)).toBe(false);
    expect(acceptPairwise(terms, privateKey, other.publicKey).equals(secret)).toBe(false);
  });

  it('does not begin from what is no key', () => {
    const { privateKey, publicKey } = generateHpkeKeyPair(random);
    expect(reasonOf(() => offerPairwise(terms, flipped(publicKey, 64), random))).toBe('MALFORMED_MESSAGE');
    expect(reasonOf(() => offerPairwise(terms, publicKey.subarray(1), random))).toBe('FIELD_SIZE');
    expect(reasonOf(() => acceptPairwise(terms, privateKey, flipped(publicKey, 64)))).toBe('MALFORMED_MESSAGE');
    expect(reasonOf(() => acceptPairwise(terms, privateKey, Buffer.alloc(0)))).toBe('FIELD_MISSING');
  });
});

describe('the signed statements', () => {
  it('take keys of 65 bytes only', () => {
    const [key, enc] = [generateHpkeKeyPair(random), generateHpkeKeyPair(random)].map((k) => k.publicKey);
    const base = { ...terms, tokenId: 'tok-1', hpkeKey: key!, enc: enc! };
    const bad = base.enc.subarray(1);
    expect(reasonOf(() => hpkeKeyStatement(base))).toBe('accepted');
    expect(reasonOf(() => hpkeKeyStatement({ ...base, hpkeKey: bad }))).toBe('FIELD_SIZE');
    expect(reasonOf(() => pairwiseStatement(base))).toBe('accepted');
    expect(reasonOf(() => pairwiseStatement({ ...base, hpkeKey: bad }))).toBe('FIELD_SIZE');
    expect(reasonOf(() => pairwiseStatement({ ...base, enc: bad }))).toBe('FIELD_SIZE');
  });
});
