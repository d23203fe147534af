import { DerError, enumerated, enumeratedOf } from '../der/asn1';
import { OID } from '../der/oids';
import type { ExtensionCodec } from './extension';

/** CRLReason of RFC 5280, 5.3.1. A list without deltas has no use for certificateHold and removeFromCRL. */
const CODES = {
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  privilegeWithdrawn: 9,
  aACompromise: 10,
} as const;
export type RevocationReason = keyof typeof CODES;
const REASONS = Object.keys(CODES) as RevocationReason[];

/** RFC 5280, 5.3.1: left out where no reason is given. */
export const reasonCode: ExtensionCodec<RevocationReason> = {
  oid: OID.reasonCode,
  encode: (reason) => enumerated(CODES[reason]),
  decode(content) {
    const code = enumeratedOf(content, 'reason code');
    const reason = REASONS.find((known) => CODES[known] === code);
    if (reason === undefined) throw new DerError(`reason code ${code}`);
    return reason;
  },
};
