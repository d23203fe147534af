import { hash } from 'node:crypto';
import { invalidArgument } from '@cpns/core';
import {
  children,
  decode,
  DerError,
  encode,
  firstInside,
  isContext,
  sequenceOf,
  smallOf,
  unsignedOf,
  wholeBitsOf,
  type Asn1,
} from '../der/asn1';
import { checkName, isEmptyName } from '../der/distinguished-name';
import { decodeTime } from '../der/time';
import { readExtensions, type Extensions } from '../extensions';
import { PublicKey, WeakKeyError, type KeyKind } from '../keys/public-key';
import { readSignatureAlgorithm, type SignatureAlgorithm } from '../keys/signature-algorithm';

/** A certificate that is larger is not read, in bytes. */
export const CERTIFICATE_MAX_BYTES = 8192;
/** RFC 5280, 4.1.2.2: serial numbers have at most 20 bytes. */
export const SERIAL_MAX_BYTES = 20;

/** The fields of TBSCertificate (RFC 5280, 4.1.2). */
export interface TbsCertificate {
  /** Big-endian, without a sign byte. */
  readonly serial: Buffer;
  readonly algorithm: SignatureAlgorithm;
  readonly issuerNode: Asn1;
  /** Unix milliseconds, whole seconds. */
  readonly notBefore: number;
  /** Unix milliseconds, whole seconds; the last one of validity. */
  readonly notAfter: number;
  readonly subjectNode: Asn1;
  readonly subjectIsEmpty: boolean;
  readonly key: PublicKey;
  readonly extensions: Extensions;
}

/** A certificate as its bytes say, unverified. */
export interface ParsedCertificate extends TbsCertificate {
  readonly der: Buffer;
  /** Name, DER. */
  readonly issuer: Buffer;
  /** Name, DER. */
  readonly subject: Buffer;
  /** SHA-256 of `der`. */
  readonly fingerprint: Buffer;
  /** What the signature is over, DER. */
  readonly tbs: Buffer;
  readonly signature: Buffer;
  readonly keyKind: KeyKind;
}

/**
 * A certificate in strict DER: version 3, no unique identifiers, the same algorithm inside and outside, no extension
 * that is of no profile.
 * @throws CpnsError CERTIFICATE_MALFORMED
 */
export function parseCertificate(der: Uint8Array): ParsedCertificate {
  try {
    const [tbsNode, algorithm, signature] = sequenceOf(decode(der, CERTIFICATE_MAX_BYTES), 'certificate', 3);
    const tbs = readTbs(tbsNode);
    if (!encode(algorithm).equals(encode(sequenceOf(tbsNode, 'TBSCertificate', 8)[2])))
      throw new DerError('signature algorithm: one inside, another outside');
    const own = Buffer.from(der);
    return {
      ...tbs,
      der: own,
      fingerprint: hash('sha256', own, 'buffer'),
      issuer: encode(tbs.issuerNode),
      subject: encode(tbs.subjectNode),
      tbs: firstInside(own, tbsNode),
      signature: wholeBitsOf(signature, 'signature'),
      keyKind: tbs.key.kind,
    };
  } catch (cause) {
    throw asMalformed(cause);
  }
}

/** Turns what the readers of DER throw into the reason that callers know; a fault of ours stays what it is. */
export function asMalformed(cause: unknown): unknown {
  if (cause instanceof DerError || cause instanceof WeakKeyError)
    return invalidArgument('CERTIFICATE_MALFORMED', 'send X.509 version 3 certificates of a CPNS profile, in DER', {
      cause,
    });
  return cause;
}

/** @throws DerError, WeakKeyError */
export function readTbs(node: Asn1): TbsCertificate {
  const [version, serial, algorithm, issuer, validity, subject, key, extensions] = sequenceOf(
    node,
    'TBSCertificate',
    8,
  );
  if (!isContext(version, 0, true) || !isContext(extensions, 3, true)) throw new DerError('not version 3');
  const [number, ...rest] = children(version, 'version');
  if (smallOf(number, 'version') !== 2 || rest.length > 0) throw new DerError('not version 3');
  const [notBefore, notAfter] = sequenceOf(validity, 'validity', 2);
  const signature = readSignatureAlgorithm(algorithm);
  if (signature === undefined) throw new DerError('signature algorithm is of no profile');
  const [list, ...more] = children(extensions, 'extensions');
  if (more.length > 0) throw new DerError('extensions');
  return {
    serial: readSerial(serial),
    algorithm: signature,
    issuerNode: checkName(issuer, 'issuer'),
    notBefore: decodeTime(notBefore, 'notBefore'),
    notAfter: decodeTime(notAfter, 'notAfter'),
    subjectNode: checkName(subject, 'subject'),
    subjectIsEmpty: isEmptyName(subject),
    key: PublicKey.fromNode(key),
    extensions: readExtensions(list),
  };
}

/** @throws DerError for a number that is zero, negative or over 20 bytes */
export function readSerial(node: Asn1): Buffer {
  const serial = unsignedOf(node, 'serial number');
  if (serial.length > SERIAL_MAX_BYTES || serial.every((byte) => byte === 0)) throw new DerError('serial number');
  return serial;
}
