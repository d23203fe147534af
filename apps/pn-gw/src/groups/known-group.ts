import { endsGroup, type Statement } from '@cpns/group-key';
import { at, type Store } from '@cpns/store';
import type { GatewayContext } from '../context';
import {
  groupAggregate,
  MEMBERS_SET,
  NOTICE,
  STATEMENTS,
  type KnownStatement,
  type NoticeRecord,
} from '../records/group-records';

/** What the gateway knows of one group, as of one moment. */
export interface KnownGroup {
  readonly groupId: string;
  /** Undefined before the SMF's first one. */
  readonly notice: NoticeRecord | undefined;
  /** Rising. */
  readonly statements: readonly KnownStatement[];
}

export async function readGroup({ records }: GatewayContext, groupId: string): Promise<KnownGroup> {
  const found = await records.read(groupAggregate(groupId), { notice: at(NOTICE), statements: at(STATEMENTS) });
  return { groupId, notice: found.notice, statements: found.statements?.known ?? [] };
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

export const isMemberHere = ({ store }: { readonly store: Store }, groupId: string, entity: string): Promise<boolean> =>
  store.isMember(groupAggregate(groupId), MEMBERS_SET, entity);
