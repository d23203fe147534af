/** The SMF's notices of Service Groups, and what they lead to. */
import { outboxEntry } from '@cpns/delivery';
import { endsGroup, type Statement } from '@cpns/group-key';
import { at, Records } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import {
  groupAggregate,
  MISSED_PUSH,
  NOTICE,
  type NoticedVersion,
  type NoticeRecord,
  STATEMENTS,
} from './known-groups';

/** What told of the very version that a statement is about, or of the group's end: what comes of it is linked to that. */
export function noticedAs(notice: NoticeRecord | undefined, statement: Statement): NoticedVersion | undefined {
  if (endsGroup(statement)) return notice?.deleted === true ? notice.noticed.at(-1) : undefined;
  return notice?.noticed.findLast(({ version }) => version === statement.version);
}

/** True where a notice tells of a new version for the members that are known, also when it comes again. */
export function isRotation(before: NoticeRecord | undefined, notice: Notice): boolean {
  if (notice.deleted || before?.membershipRevision !== notice.membershipRevision) return false;
  return notice.keyVersion > before.keyVersion || before.noticed.at(-1)?.isRotation === true;
}

/** As many past notices as a push that comes late can still be linked to. */
const NOTICED_KEPT = 4;

export interface Notice extends Omit<NoticeRecord, 'noticed'> {
  /** E of each member here; none when the group was deleted. */
  readonly members: readonly string[];
}

/** The newest notice of each group, and what it leads to. */
@Injectable()
export class Notices {
  constructor(private readonly records: Records) {}

  /** The notice, and in the same commit the request that it leads to. */
  async keep({ members, ...notice }: Notice, traceparent: string): Promise<void> {
    const wanted = { before: at(NOTICE), statements: at(STATEMENTS), missed: at(MISSED_PUSH) };
    const aggregate = groupAggregate(notice.groupId);
    await this.records.transact(aggregate, wanted, ({ before, statements, missed }) => {
      const keyVersion = highest(before?.keyVersion, notice.keyVersion);
      const told = { version: notice.keyVersion, traceparent, isRotation: isRotation(before, { ...notice, members }) };
      const noticed = [...(before?.noticed ?? []), told].slice(-NOTICED_KEPT);
      const wasMissed = missed !== undefined && missed.version <= keyVersion;
      const isNew = before === undefined || statements === undefined;
      const asks = !notice.deleted && members.length > 0 && (wasMissed || (notice.delivery === 'pull' && isNew));
      return {
        result: undefined,
        put: { before: { ...notice, keyVersion, noticed }, ...(wasMissed && { missed: null }) },
        ...(asks && { append: [outboxEntry(requestName(notice), Buffer.from(traceparent))] }),
      };
    });
  }

  /** Notes the step by which the newest notice came, once it was reported: what follows is linked to it. */
  async cameBy(groupId: string, traceparent: string): Promise<void> {
    if (traceparent === '') return;
    await this.records.transact(groupAggregate(groupId), { found: at(NOTICE) }, ({ found }) => {
      const last = found?.noticed.at(-1);
      if (found === undefined || last === undefined) return { result: undefined };
      const noticed = [...found.noticed.slice(0, -1), { ...last, traceparent }];
      return { result: undefined, put: { found: { ...found, noticed } } };
    });
  }

  /** Notes that a push was let go before its notice came: when that comes, the key is asked for instead. */
  async missPush(groupId: string, version: bigint): Promise<void> {
    await this.records.transact(groupAggregate(groupId), { missed: at(MISSED_PUSH) }, ({ missed }) =>
      missed !== undefined && missed.version >= version
        ? { result: undefined }
        : { result: undefined, put: { missed: { version } } },
    );
  }
}

const requestName = ({ membershipRevision, keyVersion }: Pick<Notice, 'membershipRevision' | 'keyVersion'>): string =>
  `request.${membershipRevision}.${keyVersion}`;

const highest = (a: bigint | undefined, b: bigint): bigint => (a !== undefined && a > b ? a : b);
