import { CpnsError, invalidArgument } from '@cpns/core';
import { SERIAL_MAX_BYTES } from '../certificate/parse-certificate';
import { bits, contextOf, encode, encodedSequence, integer, sequence, smallInteger, type Asn1 } from '../der/asn1';
import { encodeTime, toSeconds } from '../der/time';
import { crlNumber } from '../extensions/crl-number';
import { extensionNode } from '../extensions/extension';
import { reasonCode, type RevocationReason } from '../extensions/reason-code';
import type { Issuer } from '../issue/issuer';

/** One certificate that an authority takes back. */
export interface Revocation {
  /** Big-endian, 1 to 20 bytes. */
  readonly serial: Buffer;
  /** Unix milliseconds. */
  readonly revokedAt: number;
  readonly reason?: RevocationReason;
}

export interface CrlRequest {
  readonly revocations: readonly Revocation[];
  /** Greater than that of every list before. */
  readonly number: bigint;
  /** Unix milliseconds. */
  readonly thisUpdate: number;
  /** Unix milliseconds: when the next list is due at the latest. */
  readonly nextUpdate: number;
}

const VERSION_2 = smallInteger(1);

/**
 * A certificate revocation list of one authority (RFC 5280, 5), DER.
 * @throws CpnsError FIELD_OUT_OF_RANGE for times that do not follow each other or a negative number, FIELD_SIZE for a
 *   serial number of another size, CERTIFICATE_EXPIRED when the authority's certificate is outside its validity
 */
export async function buildCrl(issuer: Issuer, request: CrlRequest): Promise<Buffer> {
  checkRequest(issuer, request);
  const { issuerName, algorithm, authorityKeyIdentifier } = issuer.parts;
  const entries = request.revocations.map(entryNode);
  const node = sequence(
    VERSION_2,
    algorithm,
    issuerName,
    encodeTime(request.thisUpdate),
    encodeTime(request.nextUpdate),
    // RFC 5280, 5.1.2.6: absent, not empty, where nothing is revoked
    ...(entries.length > 0 ? [sequence(...entries)] : []),
    contextOf(0, sequence(authorityKeyIdentifier, extensionNode(crlNumber, request.number, false))),
  );
  const tbs = encode(node);
  return encodedSequence(tbs, encode(algorithm), encode(bits(await issuer.signer.sign(tbs))));
}

function entryNode({ serial, revokedAt, reason }: Revocation): Asn1 {
  const fields = [integer(serial), encodeTime(revokedAt)];
  if (reason !== undefined) fields.push(sequence(extensionNode(reasonCode, reason, false)));
  return sequence(...fields);
}

function checkRequest({ certificate, profile }: Issuer, { revocations, number, thisUpdate, nextUpdate }: CrlRequest) {
  const outOfRange = (field: string, message: string) =>
    invalidArgument('FIELD_OUT_OF_RANGE', message, { metadata: { field } });
  if (number < 0n || number >= 1n << 159n) throw outOfRange('number', 'a CRL number has at most 20 bytes');
  if (!(toSeconds(nextUpdate) > toSeconds(thisUpdate)))
    throw outOfRange('next-update', 'the next update is not after this one');
  if (thisUpdate < certificate.notBefore || thisUpdate > certificate.notAfter)
    throw new CpnsError('CERTIFICATE_EXPIRED', `the ${profile.title} certificate is outside its validity`);
  for (const { serial, revokedAt } of revocations) {
    if (serial.length === 0 || serial.length > SERIAL_MAX_BYTES)
      throw invalidArgument('FIELD_SIZE', `a serial number has 1 to ${SERIAL_MAX_BYTES} bytes`);
    if (!(revokedAt <= thisUpdate)) throw outOfRange('revoked-at', 'a revocation lies after the list');
  }
}
