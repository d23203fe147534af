import { children, DerError, oid, oidOf, sequence, sequenceOf, set, setOf, utf8, type Asn1 } from './asn1';
import { OID } from './oids';

/** ub-common-name of RFC 5280, A.1, in characters. */
export const COMMON_NAME_MAX_LENGTH = 64;

/** A name of one common name: what our authorities are called. Identity never stands here, only in the SAN. */
export function commonName(text: string): Asn1 {
  if (text.length === 0 || text.length > COMMON_NAME_MAX_LENGTH)
    throw new RangeError(`a common name has 1 to ${COMMON_NAME_MAX_LENGTH} characters`);
  return sequence(set(sequence(oid(OID.commonName), utf8(text))));
}

/** What leaves are called: nothing, so that their SAN is all there is (RFC 5280, 4.1.2.6). */
export const emptyName = (): Asn1 => sequence();

/** Checks that a node is a Name: RDNs of attribute and value. What it says is of no interest. */
export function checkName(node: Asn1, what: string): Asn1 {
  const rdns = sequenceOf(node, what);
  for (const rdn of rdns) {
    const attributes = setOf(rdn, what);
    if (attributes.length === 0) throw new DerError(`${what}: an empty RDN`);
    for (const attribute of attributes) oidOf(sequenceOf(attribute, what, 2)[0], what);
  }
  return node;
}

export const isEmptyName = (node: Asn1): boolean => children(node, 'name').length === 0;
