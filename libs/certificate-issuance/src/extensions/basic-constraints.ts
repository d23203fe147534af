import { boolean, booleanOf, DerError, isBoolean, sequence, sequenceOf, smallInteger, smallOf } from '../der/asn1';
import { OID } from '../der/oids';
import type { ExtensionCodec } from './extension';

export interface BasicConstraints {
  readonly ca: boolean;
  /** How many authorities may stand between this one and a leaf. */
  readonly pathLength?: number;
}

/** RFC 5280, 4.2.1.9. */
export const basicConstraints: ExtensionCodec<BasicConstraints> = {
  oid: OID.basicConstraints,

  encode({ ca, pathLength }) {
    if (!ca) return sequence();
    return pathLength === undefined ? sequence(boolean(true)) : sequence(boolean(true), smallInteger(pathLength));
  },

  decode(content) {
    const fields = sequenceOf(content, 'basic constraints');
    const [ca, pathLength] = fields;
    if (ca === undefined) return { ca: false };
    // false is the default, which DER leaves out; a path length without an authority means nothing
    if (fields.length > 2 || !isBoolean(ca) || !booleanOf(ca, 'cA')) throw new DerError('basic constraints');
    return pathLength === undefined ? { ca: true } : { ca: true, pathLength: smallOf(pathLength, 'pathLenConstraint') };
  },
};
