import { DerError, sequence, sequenceOf } from '../der/asn1';
import { OID } from '../der/oids';
import type { ExtensionCodec } from './extension';
import { decodeGeneralName, encodeGeneralName, type GeneralName } from './general-name';

/** RFC 5280, 4.2.1.6. Identity is exactly one URI in here (protocol.md, "Names"); CN is ignored. */
export const subjectAlternativeName: ExtensionCodec<readonly GeneralName[]> = {
  oid: OID.subjectAlternativeName,

  encode: (names) => sequence(...names.map(encodeGeneralName)),

  decode(content) {
    const names = sequenceOf(content, 'subject alternative name').map(decodeGeneralName);
    if (names.length === 0) throw new DerError('an empty subject alternative name');
    return names;
  },
};
