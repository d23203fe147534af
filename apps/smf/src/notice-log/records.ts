/** What SMF keeps for the SMF in each PN GW: the log of its notices, and which gateways and groups a PN has. */
import { defineRecord, jsonField, type Aggregate } from '@cpns/store';

/** @param gateway E */
export const gatewayAggregate = (gateway: string): Aggregate => ({ kind: 'gateway', id: gateway });

/** The log that OpenNoticeChannel drives. */
export const NOTICES = 'notices';

/** The newest revision of a group that is in the gateway's log, or was: none is told again, none after a newer one. */
export const TOLD = defineRecord('told', { revision: jsonField<bigint>() });

export const toldName = (groupId: string): string => `told.${groupId}`;

/** An index; what is in it is looked at again before it is used. */
export const pnAggregate = (pnId: string): Aggregate => ({ kind: 'pn', id: pnId });

/** The set of the E of the PN's gateways that ever opened a notice channel. */
export const GATEWAYS = 'gateways';
/** The set of the group-ids that have, or had, members in the PN. */
export const GROUPS = 'groups';
