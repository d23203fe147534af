/** FLOW-PULL, FLOW-PUSH, GK-UPDATE-M and GK-DELETE, step 7 at the gateway: the SMF's notices of Service Groups (SMF-GW). */
import { fields, groupDescription, type OpenNoticeChannelResponse, type ServiceGroupNotice } from '@cpns/contracts';
import { checkEndpoint, forEach, invalidArgument, isRefusal, parseEntityUri } from '@cpns/core';
import { received } from '@cpns/delivery';
import { BackgroundLoop } from '@cpns/platform';
import { type CarriedField, emitStep, Logger, withinStep } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { OwnGateway } from '../common/own-gateway';
import { AcceptPush } from '../cskmf/accept-push';
import { Envelopes, GroupKeyHub } from '../cskmf/envelopes';
import { RequestGroupKey } from '../cskmf/request-group-key';
import { Channels } from '../gateway-delivery/delivery-channel';
import { SmfClients } from '../peers/peer-clients';
import { checkMemberHere, KnownGroups, type NoticeRecord } from '../service-group/known-groups';
import { isRotation, type Notice, Notices } from '../service-group/notices';
import { NoticeParts } from './notice-parts';
import { NoticeStaging } from './notice-staging';

/** As much of a notice as the gateway acts on. @throws CpnsError a field's reason; PN_MISMATCH for a member of another PN */
function checkNotice(message: ServiceGroupNotice | undefined, own: OwnGateway): Notice {
  const notice = fields.present(message, 'notice');
  const { groupId, delivery, sealPeriod } = groupDescription(notice.description);
  const { deleted } = notice;
  const members = notice.members.map((member) => memberHere(member, own));
  if (deleted && members.length > 0)
    throw invalidArgument('FIELD_OUT_OF_RANGE', 'a group that was deleted has members', {
      metadata: { field: 'members' },
    });
  return {
    groupId,
    delivery,
    sealPeriod,
    membershipRevision: fields.positive(notice.membershipRevision, 'membership_revision'),
    // of a deleted group there is nothing more to be had
    keyLocation: deleted ? '' : checkEndpoint(notice.keyLocation, 'key_location'),
    keyVersion: deleted ? notice.keyVersion : fields.positive(notice.keyVersion, 'key_version'),
    deleted,
    members,
  };
}

function memberHere(member: string, own: OwnGateway): string {
  const entity = parseEntityUri(member, 'members');
  checkMemberHere(own, entity);
  return entity.uri;
}

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
function flowOf(notice: Notice, before: NoticeRecord | undefined) {
  const { deleted, membershipRevision, delivery } = notice;
  if (deleted) return 'GK-DELETE';
  if (isRotation(before, notice)) return 'GK-UPDATE-T';
  if (membershipRevision > 1n) return 'GK-UPDATE-M';
  return delivery === 'pull' ? 'FLOW-PULL' : 'FLOW-PUSH';
}

/** What a notice is to the one before. One that is known already comes again after a crash, to have its end done. */
function compare(before: NoticeRecord | undefined, notice: Notice): 'newer' | 'known' | 'older' {
  if (before === undefined) return 'newer';
  if (before.deleted) return notice.deleted ? 'known' : 'older';
  if (notice.membershipRevision !== before.membershipRevision)
    return notice.membershipRevision > before.membershipRevision ? 'newer' : 'older';
  return notice.deleted || notice.keyVersion > before.keyVersion ? 'newer' : 'known';
}

@Injectable()
export class ApplyNotice {
  constructor(
    private readonly own: OwnGateway,
    private readonly smf: SmfClients,
    private readonly groups: KnownGroups,
    private readonly notices: Notices,
    private readonly envelopes: Envelopes,
    private readonly pushes: AcceptPush,
    private readonly requests: RequestGroupKey,
    private readonly hub: GroupKeyHub,
  ) {}

  /**
   * Resolves when the notice is kept with all that follows from it, but for a key that has to be requested: nothing waits
   * for that.
   * @param by a notice of a snapshot counts also where it is older than what was known: that may have been lost
   * @throws CpnsError a field's reason; PN_MISMATCH for a member of another PN
   */
  async execute(
    { notice: message, traceparent }: Pick<OpenNoticeChannelResponse, 'notice' | 'traceparent'>,
    by: 'log' | 'snapshot' = 'log',
  ): Promise<void> {
    const notice = checkNotice(message, this.own);
    await this.groups.mutex.run(notice.groupId, () => this.apply(notice, traceparent, by));
  }

  private async apply(notice: Notice, traceparent: string, by: 'log' | 'snapshot'): Promise<void> {
    const { groupId } = notice;
    const { notice: before } = await this.groups.read(groupId);
    const is = by === 'snapshot' && before?.deleted === false ? 'newer' : compare(before, notice);
    if (is === 'older') return;
    const flow = flowOf(notice, before);
    const joined = await withinStep({ flow, step: STEP }, async () => {
      const forget = (entity: string) => this.envelopes.drop(entity, groupId);
      // of a deleted group the keys go; who its members were stays, since they are still to be told
      if (notice.deleted) await forEach(await this.groups.members(groupId), forget);
      const isChange = is === 'newer' && !notice.deleted;
      const added = isChange ? await this.groups.setMembers(groupId, notice.members, forget) : [];
      if (is === 'newer') await this.notices.keep(notice, traceparent);
      return added;
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
    // whose envelopes were here before them
    this.hub.publish(groupId, joined);
    this.requests.wake(groupId);
  }
}

/** The gateway's end of its notice channel: SMF to SMF. */
@Injectable()
export class NoticeChannel extends BackgroundLoop {
  readonly #parts = new NoticeParts();

  constructor(
    private readonly channels: Channels,
    private readonly smf: SmfClients,
    private readonly apply: ApplyNotice,
    private readonly staging: NoticeStaging,
    private readonly logger: Logger,
  ) {
    super();
  }

  run(signal: AbortSignal): Promise<void> {
    const channel = {
      name: 'notice',
      follows: 'delivery',
      open: () => this.smf.notices.openNoticeChannel(),
      progress: { kind: 'notices', id: 'own' },
      read: (response: OpenNoticeChannelResponse) => received(response, response.notice?.more),
      handle: (entry: OpenNoticeChannelResponse) => this.handle(entry),
      staging: {
        begin: () => this.staging.begin(),
        take: (notice: OpenNoticeChannelResponse) => this.staging.take(notice),
        end: () => this.staging.end((notice) => this.handle(notice, 'snapshot')),
      },
    };
    return this.channels.run(channel, signal);
  }

  private async handle(entry: OpenNoticeChannelResponse, by: 'log' | 'snapshot' = 'log'): Promise<void> {
    try {
      const whole = this.#parts.add(entry);
      if (whole !== undefined) await this.apply.execute(whole, by);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.logger.error('a notice of the SMF is wrong in itself and was left out', {
        sequence: String(entry.sequence),
        error,
      });
    }
  }
}
