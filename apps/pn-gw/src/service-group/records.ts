/** What a PN GW keeps of the Service Groups that have members behind it: the SMF's notices, the CSKMF's statements. */
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

/** @param entity E */
export const memberAggregate = (entity: string): Aggregate => ({ kind: 'member', id: entity });

/** Groups that the entity is a member of, or was until they were deleted. */
export const GROUPS_SET = 'groups';
