import { createPublicKey, sign, type KeyObject } from 'node:crypto';
import type { PrivateKeyDer } from '@cpns/core';
import { ISSUING_ALGORITHM } from './signature-algorithm';
import { PublicKey } from './public-key';

/**
 * An authority's private key: only this signs, so that the key may live in a PKCS #11 token or a key service. What it
 * signs with follows from the kind of its key: ECDSA with SHA-256 in DER, RSASSA-PKCS1-v1_5 with SHA-256, or Ed25519.
 */
export interface Signer {
  readonly publicKey: PublicKey;
  /** The signature over `tbs`, as it goes into a certificate. */
  sign(tbs: Buffer): Buffer | Promise<Buffer>;
}

/**
 * A signer whose key is in this process.
 * @throws DerError, WeakKeyError when the key is none of the accepted kinds
 */
export function localSigner(privateKey: KeyObject): Signer {
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  const publicKey = PublicKey.fromSpki(spki);
  const algorithm = ISSUING_ALGORITHM[publicKey.kind];
  const hash = algorithm.family === 'ed25519' ? null : algorithm.hash;
  return { publicKey, sign: (tbs) => sign(hash, tbs, privateKey) };
}

/** A signer from PKCS #8 DER. */
export const signerFromPkcs8 = (key: PrivateKeyDer): Signer => localSigner(key.keyObject);
