/** Vectors of sign(x): ECDSA and PSS are randomised, so these are made once and only verified afterwards. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { signBytes } from '../signature';
import { bytesNamed, type Values } from './vector-cases';

export interface SignatureCase {
  readonly name: string;
  readonly input: Values;
  readonly output: Readonly<Record<string, string>>;
}

interface Pair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export const keyKinds: Readonly<Record<string, () => Pair>> = {
  'P-256': () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
  'RSA-2048': () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  'RSA-3072': () => generateKeyPairSync('rsa', { modulusLength: 3072 }),
  Ed25519: () => generateKeyPairSync('ed25519'),
};

export const SIGNATURE_FORMULA =
  'sign(x): ECDSA with SHA-256 in DER; RSASSA-PSS with SHA-256, MGF1-SHA-256, 32-byte salt; Ed25519';

/** The content of `vectors/signature.json`. */
export function signatureFile(): { readonly formula: string; readonly cases: readonly SignatureCase[] } {
  const cases = Object.entries(keyKinds).flatMap(([kind, generate]) => {
    const { publicKey, privateKey } = generate();
    const spki = publicKey.export({ format: 'der', type: 'spki' }).toString('hex');
    return ['', bytesNamed(`message ${kind}`, 211)].map((message) => ({
      name: `${kind}, ${message.length / 2} bytes`,
      input: { spki, message },
      output: { signature: signBytes(privateKey, Buffer.from(message, 'hex')).toString('hex') },
    }));
  });
  return { formula: SIGNATURE_FORMULA, cases };
}
