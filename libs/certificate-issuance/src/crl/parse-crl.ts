import { CpnsError, invalidArgument } from '@cpns/core';
import { parseCertificate, readSerial, type ParsedCertificate } from '../certificate/parse-certificate';
import {
  children,
  decode,
  DerError,
  encode,
  isContext,
  isSequence,
  sequenceOf,
  smallOf,
  wholeBitsOf,
  type Asn1,
} from '../der/asn1';
import { checkName } from '../der/distinguished-name';
import { decodeTime } from '../der/time';
import { readContent, readExtension } from '../extensions';
import { authorityKeyIdentifier } from '../extensions/authority-key-identifier';
import { crlNumber } from '../extensions/crl-number';
import { reasonCode } from '../extensions/reason-code';
import { authorityProfile } from '../issue/issuer';
import { isIssuingAlgorithm, readSignatureAlgorithm, verifySignature } from '../keys/signature-algorithm';
import type { Revocation } from './build-crl';

/** A list that is larger is not read, in bytes. */
export const CRL_MAX_BYTES = 1024 * 1024;

/** A list as its bytes say. */
export interface ParsedCrl {
  /** Name of the authority, DER. */
  readonly issuer: Buffer;
  readonly authorityKeyIdentifier: Buffer;
  readonly number: bigint;
  /** Unix milliseconds. */
  readonly thisUpdate: number;
  /** Unix milliseconds. */
  readonly nextUpdate: number;
  /** By serial number in lower-case hex, without a sign byte. */
  readonly revocations: ReadonlyMap<string, Revocation>;
}

interface SignedCrl extends ParsedCrl {
  readonly tbs: Buffer;
  readonly algorithm: ReturnType<typeof readSignatureAlgorithm>;
  readonly signature: Buffer;
}

export interface VerifyCrlRequest {
  readonly crl: Uint8Array;
  /** The authority's certificate, DER, verified before. */
  readonly issuerDer: Uint8Array;
  /** Unix milliseconds. */
  readonly now: number;
}

/**
 * A list that the authority signed and that is not due to be replaced.
 * @throws CpnsError CERTIFICATE_MALFORMED (list or certificate), CERTIFICATE_CHAIN (another authority's, or not signed by
 *   it), CERTIFICATE_EXPIRED (not yet or no longer the current list), CERTIFICATE_ROLE (`issuerDer` is no authority's)
 */
export function verifyCrl({ crl, issuerDer, now }: VerifyCrlRequest): ParsedCrl {
  const list = readSigned(crl);
  const issuer = parseCertificate(issuerDer);
  authorityProfile(issuer);
  if (!isSignedBy(list, issuer))
    throw new CpnsError('CERTIFICATE_CHAIN', 'the revocation list was not signed by that authority');
  if (now < list.thisUpdate || now >= list.nextUpdate)
    throw new CpnsError('CERTIFICATE_EXPIRED', 'the revocation list is not the current one', {
      metadata: { 'this-update': String(list.thisUpdate), 'next-update': String(list.nextUpdate), now: String(now) },
    });
  return list;
}

/** Reads a list without verifying it. @throws CpnsError CERTIFICATE_MALFORMED */
export const parseCrl = (der: Uint8Array): ParsedCrl => readSigned(der);

/** @param serial big-endian, without a sign byte */
export const isRevoked = ({ revocations }: ParsedCrl, serial: Buffer): boolean =>
  revocations.has(serial.toString('hex'));

function isSignedBy(list: SignedCrl, issuer: ParsedCertificate): boolean {
  if (list.algorithm === undefined || !isIssuingAlgorithm(list.algorithm, issuer.keyKind)) return false;
  const keyId = issuer.extensions.subjectKeyIdentifier?.value;
  if (!list.issuer.equals(issuer.subject) || keyId?.equals(list.authorityKeyIdentifier) !== true) return false;
  return verifySignature(list.tbs, list.algorithm, issuer.key, list.signature);
}

function readSigned(der: Uint8Array): SignedCrl {
  try {
    const [tbs, algorithm, signature] = sequenceOf(decode(der, CRL_MAX_BYTES), 'CertificateList', 3);
    const { inside, ...list } = readTbs(tbs);
    if (!encode(algorithm).equals(encode(inside)))
      throw new DerError('signature algorithm: one inside, another outside');
    return {
      ...list,
      tbs: encode(tbs),
      algorithm: readSignatureAlgorithm(algorithm),
      signature: wholeBitsOf(signature, 'signature'),
    };
  } catch (cause) {
    if (cause instanceof DerError)
      throw invalidArgument('CERTIFICATE_MALFORMED', 'send a version 2 revocation list in DER', { cause });
    throw cause;
  }
}

/** TBSCertList of RFC 5280, 5.1.2, as {@link buildCrl} writes it. */
function readTbs(node: Asn1) {
  const [version, inside, issuer, thisUpdate, nextUpdate, ...rest] = sequenceOf(node, 'TBSCertList');
  const entries = rest.length === 2 && isSequence(rest[0]) ? sequenceOf(rest[0], 'revokedCertificates') : [];
  const extensions = rest.at(-1);
  const hasEntries = entries.length > 0;
  if (smallOf(version, 'version') !== 1 || inside === undefined || issuer === undefined)
    throw new DerError('not version 2');
  if (rest.length !== (hasEntries ? 2 : 1) || !isContext(extensions, 0, true)) throw new DerError('TBSCertList');
  const [list, ...more] = children(extensions, 'crlExtensions');
  if (more.length > 0) throw new DerError('crlExtensions');
  const revocations = new Map(entries.map(readEntry).map((entry) => [entry.serial.toString('hex'), entry]));
  if (revocations.size !== entries.length) throw new DerError('a serial number twice');
  return {
    inside,
    issuer: encode(checkName(issuer, 'issuer')),
    thisUpdate: decodeTime(thisUpdate, 'thisUpdate'),
    nextUpdate: decodeTime(nextUpdate, 'nextUpdate'),
    revocations,
    ...readListExtensions(list),
  };
}

function readListExtensions(node: Asn1 | undefined): Pick<ParsedCrl, 'authorityKeyIdentifier' | 'number'> {
  const [keyId, number] = sequenceOf(node, 'crlExtensions', 2).map(readExtension);
  if (keyId?.id !== authorityKeyIdentifier.oid || number?.id !== crlNumber.oid || keyId.critical || number.critical)
    throw new DerError('crlExtensions');
  return {
    authorityKeyIdentifier: authorityKeyIdentifier.decode(readContent(keyId.content)),
    number: crlNumber.decode(readContent(number.content)),
  };
}

function readEntry(node: Asn1): Revocation {
  const [serial, time, extensions, ...more] = sequenceOf(node, 'revoked certificate');
  if (serial === undefined || more.length > 0) throw new DerError('revoked certificate');
  const entry = { serial: readSerial(serial), revokedAt: decodeTime(time, 'revocationDate') };
  if (extensions === undefined) return entry;
  const { id, content } = readExtension(sequenceOf(extensions, 'crlEntryExtensions', 1)[0]);
  if (id !== reasonCode.oid) throw new DerError(`entry extension ${id}`);
  return { ...entry, reason: reasonCode.decode(readContent(content)) };
}
