import type { OpenNoticeChannelRequest, OpenNoticeChannelResponse } from '@cpns/contracts';
import type { EntityName } from '@cpns/core';
import { PeerSenders, receiverMessage, type Receiver, type SenderChannel } from '@cpns/delivery';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { GatewayStanding } from '../gateway-standing/gateway-standing';
import { NoticeLogs } from '../notice-log/notice-logs';
import { IntroduceGateway } from './introduce-gateway';
import { SendNotice } from './send-notice';

/** Each gateway's notices, in order, until it acknowledged them. */
@Injectable()
export class OpenNoticeChannel implements OnApplicationShutdown {
  readonly #senders: PeerSenders<OpenNoticeChannelRequest, OpenNoticeChannelResponse>;

  constructor(
    logs: NoticeLogs,
    notices: SendNotice,
    private readonly standing: GatewayStanding,
    private readonly introduce: IntroduceGateway,
  ) {
    this.#senders = new PeerSenders<OpenNoticeChannelRequest, OpenNoticeChannelResponse>({
      logOf: (gateway) => logs.of(gateway),
      receive: receiverMessage,
      send: async (gateway, entry) => {
        // its identity may have ended since it opened the channel
        await standing.check(gateway);
        return notices.execute(gateway.uri, entry);
      },
    });
  }

  /** Resolves when the gateway ended its side. @throws CpnsError CERTIFICATE_REVOKED, DEPENDENCY_UNAVAILABLE, … */
  async execute(
    gateway: EntityName,
    { uri, fingerprint }: Receiver,
    channel: SenderChannel<OpenNoticeChannelRequest, OpenNoticeChannelResponse>,
  ): Promise<void> {
    await this.standing.check({ uri, fingerprint });
    await this.introduce.execute(gateway, { uri, fingerprint });
    await this.#senders.serve({ uri, fingerprint }, channel);
  }

  /** Ends all channels: the gateways come back to a replica that answers then. */
  onApplicationShutdown(): void {
    this.#senders.stop();
  }
}
