/** What a gateway's notice channel has in the gateway's aggregate, beside its log. */
import { defineRecord, jsonField } from '@cpns/store';

/** The certificate with which the gateway was told of all groups of its PN; a gateway that enrolled anew has lost them. */
export const INTRODUCED = defineRecord('introduced', {
  /** SHA-256, 32 bytes. */
  fingerprint: jsonField<Buffer>(),
});
