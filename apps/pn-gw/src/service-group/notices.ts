/** The newest notice of each group, and what it leads to. */
import { outboxEntry } from '@cpns/delivery';
import { at, Records, type Append } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { groupAggregate, MISSED_PUSH, NOTICE, STATEMENTS, type NoticeRecord } from './records';

/** As many past notices as a push that comes late can still be linked to. */
const NOTICED_KEPT = 4;

export interface Notice extends Omit<NoticeRecord, 'noticed'> {
  /** E of each member here; none when the group was deleted. */
  readonly members: readonly string[];
}

@Injectable()
export class Notices {
  constructor(private readonly records: Records) {}

  /** The notice, and in the same commit the request that it leads to. */
  async keep({ members, ...notice }: Notice, traceparent: string): Promise<void> {
    const wanted = { before: at(NOTICE), statements: at(STATEMENTS), missed: at(MISSED_PUSH) };
    const aggregate = groupAggregate(notice.groupId);
    await this.records.transact(aggregate, wanted, ({ before, statements, missed }) => {
      const keyVersion = highest(before?.keyVersion, notice.keyVersion);
      const noticed = [...(before?.noticed ?? []), { version: notice.keyVersion, traceparent }].slice(-NOTICED_KEPT);
      const wasMissed = missed !== undefined && missed.version <= keyVersion;
      const isNew = before === undefined || statements === undefined;
      const asks = !notice.deleted && members.length > 0 && (wasMissed || (notice.delivery === 'pull' && isNew));
      return {
        result: undefined,
        put: { before: { ...notice, keyVersion, noticed }, ...(wasMissed && { missed: null }) },
        ...(asks && { append: [keyRequest(notice, traceparent)] }),
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

/** For the outbox of the group that a notice is about. */
const keyRequest = (notice: Pick<NoticeRecord, 'membershipRevision'>, traceparent: string): Append =>
  outboxEntry(`request.${notice.membershipRevision}`, Buffer.from(traceparent));

const highest = (a: bigint | undefined, b: bigint): bigint => (a !== undefined && a > b ? a : b);
