import { parseSubject } from '@cpns/core';
import { bits, contextOf, encode, encodedSequence, sequence, set, smallInteger, oid, type Asn1 } from '../der/asn1';
import { emptyName } from '../der/distinguished-name';
import { OID } from '../der/oids';
import { EXTENSIONS } from '../extensions';
import { extensionNode } from '../extensions/extension';
import { issuingAlgorithmNode } from '../keys/signature-algorithm';
import type { Signer } from '../keys/signer';

export interface CsrOptions {
  /**
   * The name that the sender expects to get, E or E with its user. It has no say in it: a request that asks for another
   * name than the admitted one is refused, so its sender learns of its mistake.
   */
  readonly uri?: string;
}

/**
 * A PKCS #10 request (RFC 2986), DER, for the key of a signer: how a target entity or a gateway asks for a certificate.
 * @throws CpnsError NAME_INVALID, FIELD_MISSING, FIELD_TOO_LONG when `uri` is no CPNS name
 */
export async function createCsr(signer: Signer, { uri }: CsrOptions = {}): Promise<Buffer> {
  const attributes = uri === undefined ? [] : [extensionRequest(uri)];
  const info = encode(sequence(smallInteger(0), emptyName(), signer.publicKey.node, contextOf(0, ...attributes)));
  const algorithm = encode(issuingAlgorithmNode(signer.publicKey.kind));
  return encodedSequence(info, algorithm, encode(bits(await signer.sign(info))));
}

/** An extensionRequest attribute (RFC 2985, 5.4.2). */
function extensionRequest(uri: string): Asn1 {
  parseSubject(uri);
  const san = extensionNode(EXTENSIONS.subjectAlternativeName, [{ kind: 'uri', value: uri }], true);
  return sequence(oid(OID.extensionRequest), set(sequence(san)));
}
