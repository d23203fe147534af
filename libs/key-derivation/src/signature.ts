/**
 * sign(x) of the protocol: over the bytes x with SHA-256, in the way that the key's kind has.
 *
 * | key | signature |
 * |---|---|
 * | P-256 | ECDSA, DER (RFC 3279, 2.2.3) |
 * | RSA-2048, RSA-3072 | RSASSA-PSS, MGF1 with SHA-256, salt of 32 bytes (RFC 8017, 8.1) |
 * | Ed25519 | PureEdDSA (RFC 8032, 5.1): it hashes by itself |
 */
import { constants, createPublicKey, sign, verify, type KeyObject, type SignKeyObjectInput } from 'node:crypto';
import { invalidArgument, unauthenticated } from '@cpns/core';

const RSA_BITS: readonly number[] = [2048, 3072];
const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } as const;

interface Scheme {
  readonly digest: 'sha256' | null;
  readonly options: Omit<SignKeyObjectInput, 'key'>;
}

/** @throws CpnsError CSR_WEAK_KEY for a key of any other kind */
function schemeOf(key: KeyObject): Scheme {
  const details = key.asymmetricKeyDetails;
  switch (key.asymmetricKeyType) {
    case 'ec':
      if (details?.namedCurve === 'prime256v1') return { digest: 'sha256', options: { dsaEncoding: 'der' } };
      break;
    case 'rsa':
      if (RSA_BITS.includes(details?.modulusLength ?? 0)) return { digest: 'sha256', options: PSS };
      break;
    case 'ed25519':
      return { digest: null, options: {} };
    default:
      break;
  }
  throw invalidArgument('CSR_WEAK_KEY', 'the key is none of P-256, RSA-2048, RSA-3072 and Ed25519');
}

/** Signs x. @throws CpnsError CSR_WEAK_KEY for a key of another kind */
export function signBytes(key: KeyObject, x: Uint8Array): Buffer {
  const { digest, options } = schemeOf(key);
  return sign(digest, x, { key, ...options });
}

function publicKeyOf(spki: Uint8Array): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch (cause) {
    throw invalidArgument('MALFORMED_MESSAGE', 'the key is not a SubjectPublicKeyInfo', { cause });
  }
}

/**
 * True when `signature` is the key's over x.
 * @param key a public key, or its SubjectPublicKeyInfo in DER
 * @throws CpnsError CSR_WEAK_KEY for a key of another kind, MALFORMED_MESSAGE for no key at all
 */
export function verifyBytes(key: KeyObject | Uint8Array, x: Uint8Array, signature: Uint8Array): boolean {
  const publicKey = key instanceof Uint8Array ? publicKeyOf(key) : key;
  const { digest, options } = schemeOf(publicKey);
  return verify(digest, x, { key: publicKey, ...options }, signature);
}

/** @throws CpnsError SIGNATURE_INVALID when it is not; otherwise as {@link verifyBytes} */
export function requireSignature(key: KeyObject | Uint8Array, x: Uint8Array, signature: Uint8Array): void {
  if (!verifyBytes(key, x, signature))
    throw unauthenticated('SIGNATURE_INVALID', 'the signature was not made by the key that it names');
}
