/**
 * What a PN GW keeps of the Service Groups that have members behind it (SMF-GW, SECCF-SECA). None of it is a secret of the
 * gateway's: Group Keys lie in envelopes that the members alone can open. A gateway that is a member itself would open its
 * own with its S; gateways enrol with an identity certificate only and have none, so that there is no such envelope yet.
 */
import type { SignedStatement } from '@cpns/group-key';
import { defineRecord, jsonField, type ValueIn, type Aggregate } from '@cpns/store';

export const GROUP_KIND = 'group';

export const groupAggregate = (groupId: string): Aggregate => ({ kind: GROUP_KIND, id: groupId });

/** E of each member of the gateway's own PN; of a deleted group, of those that it had at its end. */
export const MEMBERS_SET = 'members';

/** Where a notice came in, for what follows from it. */
export interface NoticedVersion {
  readonly version: bigint;
  /** Of step 7. */
  readonly traceparent: string;
}

/** The newest notice of the SMF; who the members are is in {@link MEMBERS_SET}. */
export const NOTICE = defineRecord('notice', {
  groupId: jsonField<string>(),
  delivery: jsonField<'pull' | 'push'>(),
  /** How long members seal with one statement, milliseconds. */
  sealPeriod: jsonField<number>(),
  membershipRevision: jsonField<bigint>(),
  /** `host:port` of the CSKMF that has the Group Key. */
  keyLocation: jsonField<string>(),
  /** The newest version. */
  keyVersion: jsonField<bigint>(),
  deleted: jsonField<boolean>(),
  /** The last ones, oldest first. */
  noticed: jsonField<readonly NoticedVersion[]>(),
});
export type NoticeRecord = ValueIn<typeof NOTICE>;

/** What the Server said of one version; members get it unchanged. */
export interface KnownStatement extends SignedStatement {
  /** Of the step that brought it, or empty. */
  readonly traceparent: string;
}

/** The last statements, rising; of a deleted group the one that says so comes last, for good. */
export const STATEMENTS = defineRecord('statements', { known: jsonField<readonly KnownStatement[]>() });

/** As many versions of a group's key as are kept here; the Server has the others. */
export const VERSIONS_KEPT = 3;

/** A push of this version was let go before its notice came. */
export const MISSED_PUSH = defineRecord('missed-push', { version: jsonField<bigint>() });

/** FLOW-PULL step 8 was done: the Server is being asked. */
export const REQUEST = defineRecord('request', { traceparent: jsonField<string>() });

/** FLOW-PULL step 11 was done: the key of this version came for all members. */
export const AVAILABLE = defineRecord('available', { version: jsonField<bigint>() });

/** @param entity E */
export const memberAggregate = (entity: string): Aggregate => ({ kind: 'member', id: entity });

/** Groups that the entity is a member of, or was until they were deleted. */
export const GROUPS_SET = 'groups';

export interface HeldEnvelope {
  readonly version: bigint;
  /** Of the Entity-User Key that it was made under, 32 hexadecimal digits. */
  readonly keyId: string;
  /** Tagged 0x01. */
  readonly own: Buffer;
  /** SHA-256 of the certificate that its owner showed when it asked for it. */
  readonly certificate?: Buffer;
}

/** A member's envelopes of one group, rising by version. */
export const ENVELOPES = defineRecord('envelopes', { held: jsonField<readonly HeldEnvelope[]>() });

export const envelopesName = (groupId: string): string => `envelopes.${groupId}`;

/** Pushes that overtook their notices. */
export const HELD_AGGREGATE: Aggregate = { kind: 'held-push', id: 'own' };

export interface HeldPush {
  /** Name of its {@link HELD_PUSH}. */
  readonly name: string;
  readonly groupId: string;
  readonly version: bigint;
}

export const HELD_INDEX = defineRecord('index', {
  /** Number of the next one. */
  next: jsonField<number>(),
  /** In the order in which they came. */
  entries: jsonField<readonly HeldPush[]>(),
});

export const HELD_PUSH = defineRecord('push', {
  /** A GatewayGroupKeyDelivery, encoded. */
  delivery: jsonField<Buffer>(),
  traceparent: jsonField<string>(),
});

/** How far the SMF's notices were worked off. */
export const NOTICES_AGGREGATE: Aggregate = { kind: 'notices', id: 'own' };
