import type {
  OpenNoticeChannelRequest,
  OpenNoticeChannelResponse,
  ServiceGroupNoticeServiceService,
} from '@cpns/contracts';
import { PeerSenders, receiverMessage } from '@cpns/delivery';
import { gatewayOf, type DuplexContext, type Handlers } from '@cpns/grpc';
import type { SmfContext } from '../context';
import { IntroduceGateway } from '../notices/introduce-gateway';
import { noticeLog } from '../notices/notice-log';
import { noticeFor } from '../notices/send-notice';
import type { GatewayStanding } from '../records/gateway-standing';

/** The notice channel on the wire: each gateway's notices, in order, until it acknowledged them. */
export class NoticeController implements Handlers<typeof ServiceGroupNoticeServiceService> {
  readonly #senders: PeerSenders<OpenNoticeChannelRequest, OpenNoticeChannelResponse>;
  readonly #introduce: IntroduceGateway;

  constructor(
    smf: SmfContext,
    private readonly standing: GatewayStanding,
  ) {
    this.#introduce = new IntroduceGateway(smf);
    this.#senders = new PeerSenders<OpenNoticeChannelRequest, OpenNoticeChannelResponse>({
      logOf: (gateway) => noticeLog(smf, gateway),
      receive: receiverMessage,
      send: async (gateway, entry) => {
        // its identity may have ended since it opened the channel
        await standing.check(gateway);
        return noticeFor(smf, gateway.uri, entry);
      },
    });
  }

  async openNoticeChannel(call: DuplexContext<OpenNoticeChannelRequest, OpenNoticeChannelResponse>): Promise<void> {
    const gateway = gatewayOf(call);
    const { uri, fingerprint } = call.requirePeer();
    await this.standing.check({ uri, fingerprint });
    await this.#introduce.execute(gateway, { uri, fingerprint });
    await this.#senders.serve({ uri, fingerprint }, call);
  }

  /** Ends all channels: the gateways come back to whoever answers then. */
  stop(): void {
    this.#senders.stop();
  }
}
