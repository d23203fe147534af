import { endsGroup, type Statement } from '@cpns/group-key';
import { at, Records, Store, allMembers } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import {
  groupAggregate,
  GROUPS_SET,
  memberAggregate,
  MEMBERS_SET,
  NOTICE,
  STATEMENTS,
  type KnownStatement,
  type NoticeRecord,
} from './records';

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
}

/** The Server's statement that the group was deleted. */
export function endOf({ statements }: KnownGroup): KnownStatement | undefined {
  const last = statements.at(-1);
  return last !== undefined && endsGroup(last.statement) ? last : undefined;
}

export const isDeleted = (group: KnownGroup): boolean => group.notice?.deleted === true || endOf(group) !== undefined;

export const statementOf = ({ statements }: KnownGroup, version: bigint): KnownStatement | undefined =>
  statements.find(({ statement }) => statement.version === version);

/** Step 7 of the very version that a statement is about, or of the group's end: what comes of it is linked to that. */
export function noticedStep(notice: NoticeRecord | undefined, statement: Statement): string {
  const step = endsGroup(statement)
    ? notice?.deleted === true && notice.noticed.at(-1)
    : notice?.noticed.findLast(({ version }) => version === statement.version);
  return step ? step.traceparent : '';
}
