import { defineRecord, jsonField } from '@cpns/store';

/** How far a log was worked off. */
export const DELIVERED = defineRecord('delivered', { lastSequence: jsonField<bigint>() });
