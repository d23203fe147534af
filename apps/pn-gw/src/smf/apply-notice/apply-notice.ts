/** FLOW-PULL, FLOW-PUSH, GK-UPDATE-M and GK-DELETE, step 7 at the gateway: the SMF's notices of Service Groups (SMF-GW). */
import { forEach } from '@cpns/core';
import type { OpenNoticeChannelResponse } from '@cpns/contracts';
import { emitStep, withinStep, type CarriedField } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { OwnGateway } from '../../common/own-gateway';
import { AcceptPush } from '../../cskmf/accept-push/accept-push';
import { Envelopes } from '../../cskmf/envelopes';
import { RequestGroupKey } from '../../cskmf/request-group-key/request-group-key';
import { SmfClients } from '../../peers/smf-clients';
import { GroupMutex } from '../../service-group/group-mutex';
import { KnownGroups } from '../../service-group/known-group';
import { Members } from '../../service-group/members';
import { Notices, type Notice } from '../../service-group/notices';
import type { NoticeRecord } from '../../service-group/records';
import { checkNotice } from './check-notice';

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
function flowOf({ deleted, membershipRevision, delivery }: Notice) {
  if (deleted) return 'GK-DELETE';
  if (membershipRevision > 1n) return 'GK-UPDATE-M';
  return delivery === 'pull' ? 'FLOW-PULL' : 'FLOW-PUSH';
}

/** What a notice is to the one before. One that is known already comes again after a crash, to have its end done. */
function compare(before: NoticeRecord | undefined, notice: Notice): 'newer' | 'known' | 'older' {
  if (before === undefined) return 'newer';
  if (before.deleted) return notice.deleted ? 'known' : 'older';
  if (notice.membershipRevision === before.membershipRevision) return notice.deleted ? 'newer' : 'known';
  return notice.membershipRevision > before.membershipRevision ? 'newer' : 'older';
}

@Injectable()
export class ApplyNotice {
  constructor(
    private readonly own: OwnGateway,
    private readonly smf: SmfClients,
    private readonly mutex: GroupMutex,
    private readonly groups: KnownGroups,
    private readonly members: Members,
    private readonly notices: Notices,
    private readonly envelopes: Envelopes,
    private readonly pushes: AcceptPush,
    private readonly requests: RequestGroupKey,
  ) {}

  /**
   * Resolves when the notice is kept with all that follows from it, but for a key that has to be requested: nothing waits
   * for that.
   * @throws CpnsError a field's reason; PN_MISMATCH for a member of another PN
   */
  async execute({ notice: message, traceparent }: OpenNoticeChannelResponse): Promise<void> {
    const notice = checkNotice(message, this.own.name);
    await this.mutex.run(notice.groupId, () => this.apply(notice, traceparent));
  }

  private async apply(notice: Notice, traceparent: string): Promise<void> {
    const { groupId } = notice;
    const { notice: before } = await this.groups.read(groupId);
    const is = compare(before, notice);
    if (is === 'older') return;
    const flow = flowOf(notice);
    await withinStep({ flow, step: STEP }, async () => {
      const forget = (entity: string) => this.envelopes.dropAll(entity, groupId);
      // of a deleted group the keys go; who its members were stays, since they are still to be told
      if (notice.deleted) await forEach(await this.groups.members(groupId), forget);
      else if (is === 'newer') await this.members.become(groupId, notice.members, forget);
      if (is === 'newer') await this.notices.keep(notice, traceparent);
    });
    const step = emitStep({
      flow,
      step: STEP,
      from: this.smf.uri,
      to: this.own.uri,
      carried: notice.deleted ? DELETED : CARRIED,
    });
    await withinStep({ flow, step: STEP }, () => this.notices.cameBy(groupId, step));
    await this.pushes.release(groupId);
    this.requests.wake(groupId);
  }
}
