import { integer, unsignedOf } from '../der/asn1';
import { OID } from '../der/oids';
import type { ExtensionCodec } from './extension';

/** RFC 5280, 5.2.3: grows with every list of an authority. */
export const crlNumber: ExtensionCodec<bigint> = {
  oid: OID.crlNumber,

  encode(number) {
    const hex = number.toString(16);
    return integer(Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex'));
  },

  decode: (content) => BigInt(`0x${unsignedOf(content, 'CRL number').toString('hex')}`),
};
