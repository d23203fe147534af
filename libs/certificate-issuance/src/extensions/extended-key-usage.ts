import { DerError, oid, oidOf, sequence, sequenceOf } from '../der/asn1';
import { OID } from '../der/oids';
import type { ExtensionCodec } from './extension';

export const EXTENDED_KEY_USAGES = ['serverAuth', 'clientAuth'] as const;
export type ExtendedKeyUsage = (typeof EXTENDED_KEY_USAGES)[number];

/** RFC 5280, 4.2.1.12; purposes other than those of TLS are of no profile and refused. */
export const extendedKeyUsage: ExtensionCodec<readonly ExtendedKeyUsage[]> = {
  oid: OID.extendedKeyUsage,

  encode: (usages) => sequence(...usages.map((usage) => oid(OID[usage]))),

  decode(content) {
    const usages = sequenceOf(content, 'extended key usage').map((node) => {
      const dotted = oidOf(node, 'key purpose');
      const usage = EXTENDED_KEY_USAGES.find((known) => OID[known] === dotted);
      if (usage === undefined) throw new DerError(`key purpose ${dotted}`);
      return usage;
    });
    if (usages.length === 0 || new Set(usages).size !== usages.length) throw new DerError('extended key usage');
    return usages;
  },
};
