import { parseSubject } from '@cpns/identity';
import { bits, contextOf, encode, encodedSequence, sequence, set, smallInteger, oid } from '../der/asn1';
import { emptyName } from '../der/distinguished-name';
import { OID } from '../der/oids';
import { EXTENSIONS } from '../extensions';
import { extensionNode } from '../extensions/extension';
import { issuingAlgorithmNode } from '../keys/signature-algorithm';
import type { Signer } from '../keys/signer';

/**
 * A PKCS #10 request (RFC 2986), DER, for the key of a signer: how a target entity or a gateway asks for a certificate.
 * @param uri the name that it expects to get, E or E with its user; it has no say in it, and gets told when it is mistaken
 * @throws CpnsError NAME_INVALID, FIELD_MISSING, FIELD_TOO_LONG when `uri` is no CPNS name
 */
export async function createCsr(signer: Signer, uri?: string): Promise<Buffer> {
  const info = encode(
    sequence(
      smallInteger(0),
      emptyName(),
      signer.publicKey.node,
      contextOf(0, ...(uri === undefined ? [] : [asks(uri)])),
    ),
  );
  const algorithm = encode(issuingAlgorithmNode(signer.publicKey.kind));
  return encodedSequence(info, algorithm, encode(bits(await signer.sign(info))));
}

/** An extensionRequest attribute (RFC 2985, 5.4.2). */
function asks(uri: string) {
  parseSubject(uri);
  const san = extensionNode(EXTENSIONS.subjectAlternativeName, [{ kind: 'uri', value: uri }], true);
  return sequence(oid(OID.extensionRequest), set(sequence(san)));
}
