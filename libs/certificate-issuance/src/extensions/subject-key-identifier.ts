import { hash } from 'node:crypto';
import { octets, octetsOf } from '../der/asn1';
import { OID } from '../der/oids';
import type { ExtensionCodec } from './extension';

/** Size of a key identifier, in bytes. */
export const KEY_IDENTIFIER_BYTES = 20;

/**
 * RFC 7093, method 1: the leftmost 160 bits of SHA-256 over the content of subjectPublicKey.
 * @param bits that content, without the count of unused bits
 */
export const keyIdentifierOf = (bits: Uint8Array): Buffer =>
  hash('sha256', bits, 'buffer').subarray(0, KEY_IDENTIFIER_BYTES);

/** RFC 5280, 4.2.1.2. */
export const subjectKeyIdentifier: ExtensionCodec<Buffer> = {
  oid: OID.subjectKeyIdentifier,
  encode: (id) => octets(id),
  decode: (content) => octetsOf(content, 'subject key identifier'),
};
