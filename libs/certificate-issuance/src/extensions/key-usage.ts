import { bits, bitsOf, DerError } from '../der/asn1';
import { OID } from '../der/oids';
import type { ExtensionCodec } from './extension';

/** In the order of their bits (RFC 5280, 4.2.1.3). */
export const KEY_USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;
export type KeyUsage = (typeof KEY_USAGES)[number];

/** RFC 5280, 4.2.1.3: a named bit list, so trailing zero bits are left out (X.690, 11.2.2). */
export const keyUsage: ExtensionCodec<readonly KeyUsage[]> = {
  oid: OID.keyUsage,

  encode(usages) {
    const positions = usages.map((usage) => KEY_USAGES.indexOf(usage));
    const last = Math.max(...positions);
    const bytes = Buffer.alloc((last >> 3) + 1);
    for (const at of positions) bytes[at >> 3] = (bytes[at >> 3] ?? 0) | (0x80 >> (at & 7));
    return bits(bytes, 7 - (last & 7));
  },

  decode(content) {
    const { bytes, unusedBits } = bitsOf(content, 'key usage');
    const count = bytes.length * 8 - unusedBits;
    const isSet = (at: number) => ((bytes[at >> 3] ?? 0) & (0x80 >> (at & 7))) !== 0;
    if (count < 1 || count > KEY_USAGES.length || !isSet(count - 1)) throw new DerError('key usage');
    return KEY_USAGES.filter((_, at) => at < count && isSet(at));
  },
};
