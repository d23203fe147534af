import { flipped, reasonOfAsync } from '@cpns/core/testing';
import { createPublicKey, generateKeyPairSync, sign, verify, constants, type KeyObject } from 'node:crypto';
import { requireSignature, signBytes, verifyBytes } from './proof';

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

  it('verifies, by the key and by its SubjectPublicKeyInfo', async () => {
    expect(verifyBytes(publicKey, x, signature)).toBe(true);
    expect(verifyBytes(spki, x, signature)).toBe(true);
    expect(await reasonOfAsync(() => requireSignature(spki, x, signature))).toBe('accepted');
  });

  it.each([
    ['other bytes', flipped(x), signature],
    ['a changed signature', x, flipped(signature, signature.length - 1)],
    ['a cut signature', x, signature.subarray(0, -1)],
    ['a longer signature', x, Buffer.concat([signature, Buffer.of(0)])],
    ['no signature', x, Buffer.alloc(0)],
    ['zeros', x, Buffer.alloc(signature.length)],
  ])('does not take %s', async (_what, bytes, given) => {
    expect(verifyBytes(publicKey, bytes, given)).toBe(false);
    expect(await reasonOfAsync(() => requireSignature(publicKey, bytes, given))).toBe('SIGNATURE_INVALID');
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
  ])('%s', async (_what, { publicKey, privateKey }) => {
    expect(await reasonOfAsync(() => signBytes(privateKey, x))).toBe('CSR_WEAK_KEY');
    expect(await reasonOfAsync(() => verifyBytes(publicKey, x, Buffer.alloc(64)))).toBe('CSR_WEAK_KEY');
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['no DER', Buffer.from('not a key')],
  ])('%s', async (_what, spki) => {
    expect(await reasonOfAsync(() => verifyBytes(spki, x, Buffer.alloc(64)))).toBe('MALFORMED_MESSAGE');
    expect(() => createPublicKey({ key: spki, format: 'der', type: 'spki' })).toThrow();
  });
});
