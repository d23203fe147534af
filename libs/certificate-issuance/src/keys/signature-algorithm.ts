import { constants, verify } from 'node:crypto';
import {
  children,
  DerError,
  isContext,
  isNull,
  nothing,
  oid,
  oidOf,
  sequence,
  sequenceOf,
  smallOf,
  type Asn1,
} from '../der/asn1';
import { OID } from '../der/oids';
import type { KeyKind, PublicKey } from './public-key';

type Family = 'ec' | 'rsa' | 'ed25519';
type Hash = 'sha256' | 'sha384' | 'sha512';

/** An AlgorithmIdentifier of a signature, as far as it is accepted here. */
export type SignatureAlgorithm =
  | { readonly family: 'ec'; readonly hash: Hash }
  | { readonly family: 'rsa'; readonly hash: Hash; readonly pssSaltBytes?: number }
  | { readonly family: 'ed25519' };

const FAMILY: Readonly<Record<KeyKind, Family>> = {
  'P-256': 'ec',
  'RSA-2048': 'rsa',
  'RSA-3072': 'rsa',
  Ed25519: 'ed25519',
};

const PLAIN: Readonly<Record<string, SignatureAlgorithm>> = {
  [OID.ecdsaWithSha256]: { family: 'ec', hash: 'sha256' },
  [OID.ecdsaWithSha384]: { family: 'ec', hash: 'sha384' },
  [OID.ecdsaWithSha512]: { family: 'ec', hash: 'sha512' },
  [OID.sha256WithRsa]: { family: 'rsa', hash: 'sha256' },
  [OID.sha384WithRsa]: { family: 'rsa', hash: 'sha384' },
  [OID.sha512WithRsa]: { family: 'rsa', hash: 'sha512' },
  [OID.ed25519]: { family: 'ed25519' },
};

const HASHES: Readonly<Record<string, Hash>> = {
  [OID.sha256]: 'sha256',
  [OID.sha384]: 'sha384',
  [OID.sha512]: 'sha512',
};

/**
 * @returns undefined for an algorithm that is well-formed and not accepted: SHA-1, MD5, DSA, other curves' own
 * @throws DerError
 */
export function readSignatureAlgorithm(node: Asn1 | undefined): SignatureAlgorithm | undefined {
  const [id, parameters, more] = sequenceOf(node, 'signature algorithm');
  const dotted = oidOf(id, 'signature algorithm');
  if (more !== undefined) throw new DerError('signature algorithm: more than parameters');
  if (dotted === OID.rsassaPss) return readPss(parameters);
  const algorithm = PLAIN[dotted];
  // RFC 4055, 5: NULL for RSA; RFC 5758, 3.2 and RFC 8410, 3: nothing for the others
  const right = algorithm?.family === 'rsa' ? isNull(parameters) : parameters === undefined;
  if (algorithm !== undefined && !right) throw new DerError('signature algorithm: wrong parameters');
  return algorithm;
}

/** RSASSA-PSS-params of RFC 4055, 3.1: hash, MGF1 with the same hash, length of the salt in bytes. */
function readPss(node: Asn1 | undefined): SignatureAlgorithm | undefined {
  const fields = sequenceOf(node, 'RSASSA-PSS parameters');
  // the default of every field is SHA-1's, and DER leaves defaults out: three fields have to be there, trailer none
  const [hash, mask, salt] = fields;
  if (fields.length !== 3 || !isContext(hash, 0, true) || !isContext(mask, 1, true) || !isContext(salt, 2, true))
    return undefined;
  const digest = readHash(only(hash));
  const [generator, inner] = sequenceOf(only(mask), 'mask generation', 2);
  if (oidOf(generator, 'mask generation') !== OID.mgf1 || digest === undefined || readHash(inner) !== digest)
    return undefined;
  return { family: 'rsa', hash: digest, pssSaltBytes: smallOf(only(salt), 'salt length') };
}

function only(node: Asn1): Asn1 | undefined {
  const items = children(node, 'RSASSA-PSS parameters');
  return items.length === 1 ? items[0] : undefined;
}

function readHash(node: Asn1 | undefined): Hash | undefined {
  const [id, parameters, more] = sequenceOf(node, 'hash algorithm');
  // RFC 4055, 2.1: both an absent parameter and NULL are to be accepted
  if (more !== undefined || (parameters !== undefined && !isNull(parameters))) throw new DerError('hash parameters');
  return HASHES[oidOf(id, 'hash algorithm')];
}

/**
 * Verification by `node:crypto`.
 * @returns false also when the algorithm is not one of the key's
 * @throws WeakKeyError when the key's bytes are no key
 */
export function verifySignature(
  signed: Uint8Array,
  algorithm: SignatureAlgorithm,
  key: PublicKey,
  signature: Uint8Array,
): boolean {
  if (FAMILY[key.kind] !== algorithm.family) return false;
  const keyObject = key.keyObject;
  if (algorithm.family === 'ed25519') return verify(null, signed, keyObject, signature);
  if (algorithm.family === 'ec' || algorithm.pssSaltBytes === undefined)
    return verify(algorithm.hash, signed, keyObject, signature);
  const saltLength = algorithm.pssSaltBytes;
  // EMSA-PSS has room for so much salt only (RFC 8017, 9.1.2)
  if (saltLength > (key.kind === 'RSA-2048' ? 256 : 384)) return false;
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  return verify(algorithm.hash, signed, { key: keyObject, padding, saltLength }, signature);
}

/** What an authority of each kind of key signs certificates with: one algorithm, so that a chain has one form. */
export const ISSUING_ALGORITHM: Readonly<Record<KeyKind, SignatureAlgorithm>> = {
  'P-256': { family: 'ec', hash: 'sha256' },
  'RSA-2048': { family: 'rsa', hash: 'sha256' },
  'RSA-3072': { family: 'rsa', hash: 'sha256' },
  Ed25519: { family: 'ed25519' },
};

const ISSUING_NODE: Readonly<Record<Family, Asn1>> = {
  ec: sequence(oid(OID.ecdsaWithSha256)),
  rsa: sequence(oid(OID.sha256WithRsa), nothing()),
  ed25519: sequence(oid(OID.ed25519)),
};

/** AlgorithmIdentifier of {@link ISSUING_ALGORITHM}. */
export const issuingAlgorithmNode = (kind: KeyKind): Asn1 => ISSUING_NODE[FAMILY[kind]];

/** True when a certificate was signed as an authority of that kind of key signs. */
export function isIssuingAlgorithm(algorithm: SignatureAlgorithm, kind: KeyKind): boolean {
  if (algorithm.family !== FAMILY[kind]) return false;
  if (algorithm.family === 'ed25519') return true;
  const plain = algorithm.family === 'ec' || algorithm.pssSaltBytes === undefined;
  return algorithm.hash === 'sha256' && plain;
}
