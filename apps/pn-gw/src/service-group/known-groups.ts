/** What a PN GW keeps of the Service Groups that have members behind it: the SMF's notices, the CSKMF's statements. */
import { forEach, inChunks, KeyedMutex, permissionDenied, samePn, type EntityName } from '@cpns/core';
import { endsGroup, type SignedStatement } from '@cpns/group-key';
import { type Aggregate, allMembers, at, defineRecord, jsonField, Records, Store, type ValueIn } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { OwnGateway } from '../common/own-gateway';

/** A gateway hears of members of its own PN only. @throws CpnsError PN_MISMATCH */
export function checkMemberHere({ name: own }: OwnGateway, entity: EntityName): void {
  if (!samePn(entity, own)) throw permissionDenied('PN_MISMATCH', `this gateway serves ${own.pn} only`);
}

export const GROUP_KIND = 'group';

export const groupAggregate = (groupId: string): Aggregate => ({ kind: GROUP_KIND, id: groupId });

/** E of each member of the gateway's own PN; of a deleted group, of those that it had at its end. */
export const MEMBERS_SET = 'members';

/** What a notice told of. */
export interface NoticedVersion {
  readonly version: bigint;
  /** Of step 7. */
  readonly traceparent: string;
  /** True for a version that no change of membership caused (GK-UPDATE-T). */
  readonly isRotation?: boolean;
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
  /** The last that came, oldest first, for what follows from them. */
  noticed: jsonField<readonly NoticedVersion[]>(),
});
export type NoticeRecord = ValueIn<typeof NOTICE>;

/** What the Server said of one version; members get it unchanged. */
export interface KnownStatement extends SignedStatement {
  /** Of the step that brought it, or empty. */
  readonly traceparent: string;
  /** True for one that nothing older opens beside: members are told of it also without an envelope. */
  readonly isEmergency?: boolean;
}

/** Those that open still, rising; of a deleted group the one that says so comes last, for good. */
export const STATEMENTS = defineRecord('statements', { known: jsonField<readonly KnownStatement[]>() });

/** Of a group: eight that are prepared, the one in use, and the one before. The Server has the others. */
export const VERSIONS_KEPT = 10;

/** A push of this version was let go before its notice came. */
export const MISSED_PUSH = defineRecord('missed-push', { version: jsonField<bigint>() });

/** @param entity E */
export const memberAggregate = (entity: string): Aggregate => ({ kind: 'member', id: entity });

/** Groups that the entity is a member of, or was until they were deleted. */
export const GROUPS_SET = 'groups';

/** Changes of a group's members in one commit. */
const CHUNK = 1_000;

/** What the gateway knows of one group, as of one moment. */
export interface KnownGroup {
  readonly groupId: string;
  /** Undefined before the SMF's first one. */
  readonly notice: NoticeRecord | undefined;
  /** Rising. */
  readonly statements: readonly KnownStatement[];
}

@Injectable()
export class KnownGroups {
  /** By group-id: notices and pushes of a group come over two channels at once, and each decides on its state. */
  readonly mutex = new KeyedMutex();

  constructor(
    private readonly records: Records,
    private readonly store: Store,
  ) {}

  async read(groupId: string): Promise<KnownGroup> {
    const found = await this.records.read(groupAggregate(groupId), { notice: at(NOTICE), statements: at(STATEMENTS) });
    return { groupId, notice: found.notice, statements: found.statements?.known ?? [] };
  }

  isMemberHere(groupId: string, entity: string): Promise<boolean> {
    return this.store.isMember(groupAggregate(groupId), MEMBERS_SET, entity);
  }

  /** E of each member here; of a deleted group, of those that it had at its end. */
  members(groupId: string): Promise<string[]> {
    return allMembers(this.store, groupAggregate(groupId), MEMBERS_SET);
  }

  /** Groups that the entity is a member of, or was until they were deleted. */
  groupsOf(entity: string): Promise<string[]> {
    return allMembers(this.store, memberAggregate(entity), GROUPS_SET);
  }

  /**
   * Makes these the members. Each part is the same when done twice, and the group's own list changes last: what a crash
   * leaves undone is found again.
   * @param forget done first for each E that left
   * @returns E of each that joined
   */
  async setMembers(
    groupId: string,
    members: readonly string[],
    forget: (entity: string) => Promise<void>,
  ): Promise<readonly string[]> {
    const { store } = this;
    const wanted = new Set(members);
    const before = await this.members(groupId);
    const left = before.filter((member) => !wanted.has(member));
    const known = new Set(before);
    const joined = [...wanted].filter((member) => !known.has(member));
    const group = [{ set: GROUPS_SET, member: groupId }];
    await forEach(left, async (entity) => {
      await forget(entity);
      await store.commit(memberAggregate(entity), { removeFrom: group });
    });
    await forEach(joined, (entity) => store.commit(memberAggregate(entity), { addTo: group }));
    const change = (member: string) => ({ set: MEMBERS_SET, member });
    for (const some of inChunks(left, CHUNK))
      await store.commit(groupAggregate(groupId), { removeFrom: some.map(change) });
    for (const some of inChunks(joined, CHUNK))
      await store.commit(groupAggregate(groupId), { addTo: some.map(change) });
    return joined;
  }
}

/** The Server's statement that the group was deleted. */
export function endOf({ statements }: KnownGroup): KnownStatement | undefined {
  const last = statements.at(-1);
  return last !== undefined && endsGroup(last.statement) ? last : undefined;
}

export const isDeleted = (group: KnownGroup): boolean => group.notice?.deleted === true || endOf(group) !== undefined;

export const statementOf = ({ statements }: KnownGroup, version: bigint): KnownStatement | undefined =>
  statements.find(({ statement }) => statement.version === version);
