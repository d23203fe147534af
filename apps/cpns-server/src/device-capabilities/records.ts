import { defineRecord, jsonField, type ValueIn } from '@cpns/store';

/** What an entity said of itself last; beside its key, so that one commit looks at both. */
export const CAPABILITIES = defineRecord('capabilities', {
  linkSecurity: jsonField<number>(),
  keyStorage: jsonField<number>(),
  softwareVersion: jsonField<string>(),
  recordedAt: jsonField<number>(),
  /** E of the gateway that relayed the report. */
  reportedThrough: jsonField<string>(),
});
export type CapabilitiesRecord = ValueIn<typeof CAPABILITIES>;
