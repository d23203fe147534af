/** FLOW-PULL, FLOW-PUSH, GK-UPDATE-M and GK-DELETE, step 7 at the gateway: the SMF's notices of Service Groups (SMF-GW). */
import type { OpenNoticeChannelResponse } from '@cpns/contracts';
import { at } from '@cpns/store';
import { emitStep, withinStep, type CarriedField } from '@cpns/telemetry';
import type { AcceptPush, Seca } from '../../cskmf/accept-push/accept-push';
import { keyRequest, type RequestGroupKey } from '../../cskmf/request-group-key/request-group-key';
import { groupAggregate, MISSED_PUSH, NOTICE, STATEMENTS, type NoticeRecord } from '../../records/group-records';
import { checkNotice, type CheckedNotice } from './check-notice';
import { Members } from './members';

/** As many past notices as a push that comes late can still be linked to. */
const NOTICED_KEPT = 4;
const STEP = 7;

const CARRIED: readonly CarriedField[] = [
  'description',
  'membership_revision',
  'members',
  'key_location',
  'key_version',
];
const DELETED: readonly CarriedField[] = ['description', 'membership_revision', 'deleted'];

/** Which flow a notice belongs to, from what it says. */
function flowOf({ deleted, membershipRevision, delivery }: CheckedNotice) {
  if (deleted) return 'GK-DELETE';
  if (membershipRevision > 1n) return 'GK-UPDATE-M';
  return delivery === 'pull' ? 'FLOW-PULL' : 'FLOW-PUSH';
}

/** What a notice is to the one before. One that is known already comes again after a crash, to have its end done. */
function compare(before: NoticeRecord | undefined, notice: CheckedNotice): 'newer' | 'known' | 'older' {
  if (before === undefined) return 'newer';
  if (before.deleted) return notice.deleted ? 'known' : 'older';
  if (notice.membershipRevision === before.membershipRevision) return notice.deleted ? 'newer' : 'known';
  return notice.membershipRevision > before.membershipRevision ? 'newer' : 'older';
}

export class ApplyNotice {
  readonly #members: Members;

  constructor(
    private readonly seca: Seca,
    private readonly pushes: AcceptPush,
    private readonly requests: RequestGroupKey,
  ) {
    this.#members = new Members(seca.gateway, seca.envelopes);
  }

  /**
   * Resolves when the notice is kept with all that follows from it, but for a key that has to be requested: nothing waits
   * for that.
   * @throws CpnsError a field's reason; PN_MISMATCH for a member of another PN
   */
  async execute({ notice: message, traceparent }: OpenNoticeChannelResponse): Promise<void> {
    const notice = checkNotice(message, this.seca.gateway.name);
    await this.seca.groupMutex.run(notice.groupId, () => this.apply(notice, traceparent));
  }

  private async apply(notice: CheckedNotice, traceparent: string): Promise<void> {
    const { gateway } = this.seca;
    const { groupId } = notice;
    const { before } = await gateway.records.read(groupAggregate(groupId), { before: at(NOTICE) });
    const is = compare(before, notice);
    if (is === 'older') return;
    const flow = flowOf(notice);
    await withinStep({ flow, step: STEP }, async () => {
      if (notice.deleted) await this.#members.end(groupId);
      else if (is === 'newer') await this.#members.become(groupId, notice.members);
      if (is === 'newer') await this.keep(notice, traceparent);
    });
    const step = emitStep({
      flow,
      step: STEP,
      from: gateway.smf.uri,
      to: gateway.name.uri,
      carried: notice.deleted ? DELETED : CARRIED,
    });
    await withinStep({ flow, step: STEP }, () => this.cameBy(groupId, step));
    await this.pushes.release(groupId);
    this.requests.wake(groupId);
  }

  /** The notice, and in the same commit the request that it leads to. */
  private async keep({ members, ...notice }: CheckedNotice, traceparent: string): Promise<void> {
    const wanted = { before: at(NOTICE), statements: at(STATEMENTS), missed: at(MISSED_PUSH) };
    const aggregate = groupAggregate(notice.groupId);
    await this.seca.gateway.records.transact(aggregate, wanted, ({ before, statements, missed }) => {
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
  private async cameBy(groupId: string, traceparent: string): Promise<void> {
    if (traceparent === '') return;
    await this.seca.gateway.records.transact(groupAggregate(groupId), { found: at(NOTICE) }, ({ found }) => {
      const last = found?.noticed.at(-1);
      if (found === undefined || last === undefined) return { result: undefined };
      const noticed = [...found.noticed.slice(0, -1), { ...last, traceparent }];
      return { result: undefined, put: { found: { ...found, noticed } } };
    });
  }
}

const highest = (a: bigint | undefined, b: bigint): bigint => (a !== undefined && a > b ? a : b);
