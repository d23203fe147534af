/** The SMF, as the gateway sees it. */
import {
  GroupKeyDeliveryMode,
  MembershipServiceService,
  ServiceGroupNoticeServiceService,
  type OpenNoticeChannelRequest,
  type OpenNoticeChannelResponse,
  type ServiceGroupNotice,
} from '@cpns/contracts';
import { CpnsError, serviceUri } from '@cpns/core';
import type { ReceiverChannel } from '@cpns/delivery';
import type { SmfClients } from '../peers/smf-clients';
import { SEAL_PERIOD } from './fake-server';
import { peerWith } from './unserved';

const MODES = {
  pull: GroupKeyDeliveryMode.GROUP_KEY_DELIVERY_MODE_PULL,
  push: GroupKeyDeliveryMode.GROUP_KEY_DELIVERY_MODE_PUSH,
};

export interface NoticeOf {
  readonly groupId: string;
  readonly delivery?: 'pull' | 'push';
  readonly revision?: bigint;
  readonly keyVersion?: bigint;
  readonly members?: readonly string[];
  readonly deleted?: boolean;
}

/** A notice of the group's first revision, unless it says otherwise. */
export const noticeOf = ({
  groupId,
  delivery = 'push',
  revision = 1n,
  keyVersion = revision,
  members = [],
  deleted = false,
}: NoticeOf): ServiceGroupNotice => ({
  description: {
    groupId,
    displayName: groupId,
    delivery: MODES[delivery],
    sealPeriod: BigInt(SEAL_PERIOD),
    updatePeriod: 0n,
    maxMembers: 10,
    openToJoin: true,
  },
  membershipRevision: revision,
  members: [...members],
  keyLocation: '127.0.0.1:7400',
  keyVersion,
  deleted,
});

export class FakeSmf {
  /** Requests of members that came in, as `join <group-id> <E>`. */
  readonly asked: string[] = [];
  /** The membership revision that is answered; an error is thrown. */
  answer: () => Promise<bigint> = () => Promise.reject(new CpnsError('DEPENDENCY_UNAVAILABLE', 'the SMF is away'));
  /** What the next notice channel is. */
  channel: () => ReceiverChannel<OpenNoticeChannelResponse, OpenNoticeChannelRequest> = () => {
    throw new CpnsError('DEPENDENCY_UNAVAILABLE', 'the SMF is away');
  };
  readonly clients: Omit<SmfClients, 'onApplicationShutdown'>;

  constructor(trustDomain: string) {
    const answered = (what: string) => async (request: { readonly groupId: string; readonly entity: string }) => {
      this.asked.push(`${what} ${request.groupId} ${request.entity}`);
      return { membershipRevision: await this.answer() };
    };
    this.clients = {
      uri: serviceUri(trustDomain, 'smf'),
      membership: peerWith(MembershipServiceService, {
        joinServiceGroup: answered('join'),
        leaveServiceGroup: answered('leave'),
      }),
      notices: peerWith(ServiceGroupNoticeServiceService, {
        openNoticeChannel: () => {
          const channel = this.channel();
          return {
            end: () => undefined,
            cancel: () => channel.cancel(),
            write: (message) => channel.write(message),
            [Symbol.asyncIterator]: () => channel[Symbol.asyncIterator](),
          };
        },
      }),
    };
  }
}
