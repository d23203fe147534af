import type { KeyObject } from 'node:crypto';
import { invalidArgument } from '@cpns/core';
import {
  children,
  decode,
  DerError,
  firstInside,
  isContext,
  oidOf,
  sequenceOf,
  setOf,
  smallOf,
  sorted,
  TrailingBytesError,
  wholeBitsOf,
  type Asn1,
} from '../der/asn1';
import { checkName } from '../der/distinguished-name';
import { OID } from '../der/oids';
import { readContent, readExtension } from '../extensions';
import type { GeneralName } from '../extensions/general-name';
import { subjectAlternativeName } from '../extensions/subject-alternative-name';
import { PublicKey, WeakKeyError, type KeyKind } from '../keys/public-key';
import { readSignatureAlgorithm, verifySignature } from '../keys/signature-algorithm';

/** A request that is larger is not read, in bytes. */
export const CSR_MAX_BYTES = 8192;

/** A certificate signing request whose signature was verified. */
export interface ParsedCsr {
  readonly der: Buffer;
  /** The key, checked and proven; all that an issuer takes from a request. */
  readonly key: PublicKey;
  readonly keyKind: KeyKind;
  /** SubjectPublicKeyInfo, DER: what `SHA-256(key)` of the protocol is over in the form of a key pair. */
  readonly spki: Buffer;
  readonly publicKey: KeyObject;
  /** One list per subject alternative name that the request asks for; usually one or none. */
  readonly requestedNames: readonly (readonly GeneralName[])[];
}

/**
 * PKCS #10 (RFC 2986) in strict DER, with proof of possession verified.
 * @param der at most {@link CSR_MAX_BYTES} bytes
 * @throws CpnsError CSR_NOT_DER, CSR_TRAILING_BYTES, CSR_WEAK_KEY, CSR_SIGNATURE, in this order of checks
 */
export function parseCsr(der: Uint8Array): ParsedCsr {
  try {
    const [info, algorithm, signature] = sequenceOf(decodeRequest(der), 'CertificationRequest', 3);
    const [version, subject, spki, attributes] = sequenceOf(info, 'CertificationRequestInfo', 4);
    if (smallOf(version, 'version') !== 0) throw new DerError('version is not 1');
    checkName(subject, 'subject');
    const requestedNames = readAttributes(attributes);
    const proof = wholeBitsOf(signature, 'signature');
    const signedWith = readSignatureAlgorithm(algorithm);
    const key = PublicKey.fromNode(spki);
    const publicKey = key.keyObject;
    if (signedWith === undefined || !verifySignature(firstInside(der, info), signedWith, key, proof))
      throw invalidArgument('CSR_SIGNATURE', 'sign the request with the key in it, with SHA-256, -384 or -512');
    return { der: Buffer.from(der), key, keyKind: key.kind, spki: key.spki, publicKey, requestedNames };
  } catch (cause) {
    throw asCsrError(cause);
  }
}

function decodeRequest(der: Uint8Array): Asn1 {
  try {
    return decode(der, CSR_MAX_BYTES);
  } catch (cause) {
    if (cause instanceof TrailingBytesError)
      throw invalidArgument('CSR_TRAILING_BYTES', 'send the request alone, without bytes after it', { cause });
    throw cause;
  }
}

function asCsrError(cause: unknown): unknown {
  if (cause instanceof WeakKeyError)
    return invalidArgument('CSR_WEAK_KEY', 'use a key of P-256, RSA-2048, RSA-3072 or Ed25519', { cause });
  if (cause instanceof DerError)
    return invalidArgument('CSR_NOT_DER', `send one PKCS #10 request in DER, of at most ${CSR_MAX_BYTES} bytes`, {
      cause,
    });
  return cause;
}

/** Attributes of RFC 2986, 4.1; all but an extensionRequest (RFC 2985, 5.4.2) are passed over. */
function readAttributes(node: Asn1): GeneralName[][] {
  if (!isContext(node, 0, true)) throw new DerError('attributes');
  const names: GeneralName[][] = [];
  for (const attribute of sorted(children(node, 'attributes'), 'attributes')) {
    const [type, values] = sequenceOf(attribute, 'attribute', 2);
    const list = setOf(values, 'attribute');
    if (list.length === 0) throw new DerError('attribute without a value');
    if (oidOf(type, 'attribute') !== OID.extensionRequest) continue;
    for (const value of list) names.push(...readRequestedNames(value));
  }
  return names;
}

function readRequestedNames(extensions: Asn1): GeneralName[][] {
  const wanted = sequenceOf(extensions, 'extensionRequest')
    .map(readExtension)
    .filter(({ id }) => id === OID.subjectAlternativeName);
  return wanted.map(({ content }) => [...subjectAlternativeName.decode(readContent(content))]);
}
