import { defineRecord, jsonField, optional } from '@cpns/store';

/** How a provisioning request was answered: the same request gets the same answer. */
export const PROVISIONING = defineRecord('provisioning', {
  firstSeedId: optional(jsonField<string>()),
  caDigest: optional(jsonField<string>()),
});

export const provisioningName = (requestDigest: Buffer): string => `provisioning.${requestDigest.toString('hex')}`;
