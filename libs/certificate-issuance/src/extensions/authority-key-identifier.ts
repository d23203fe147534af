import { contextBytes, contextValue, sequence, sequenceOf } from '../der/asn1';
import { OID } from '../der/oids';
import type { ExtensionCodec } from './extension';

/** RFC 5280, 4.2.1.1, with the key identifier alone: an issuer and serial number would only say the same again. */
export const authorityKeyIdentifier: ExtensionCodec<Buffer> = {
  oid: OID.authorityKeyIdentifier,
  encode: (id) => sequence(contextBytes(0, id)),
  decode: (content) =>
    contextValue(sequenceOf(content, 'authority key identifier', 1)[0], 0, 'authority key identifier'),
};
