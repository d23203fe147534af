import type {
  GroupKeyDeliveryServicePullGroupKeyRequest,
  GroupKeyDeliveryServiceService,
  OpenDeliveryChannelRequest,
  OpenDeliveryChannelResponse,
} from '@cpns/contracts';
import { unauthenticated } from '@cpns/core';
import { DeliveryLog, PeerSenders, receiverMessage } from '@cpns/delivery';
import { gatewayOf, type CallContext, type DuplexContext, type Handlers } from '@cpns/grpc';
import type { ServerContext } from '../context';
import type { CskmfContext } from '../cskmf/context';
import { openEntry } from '../cskmf/gateway-log';
import { PullGroupKey } from '../cskmf/pull-group-key/pull-group-key';
import { DELIVERY_LOG, gatewayAggregate } from '../records/gateway-records';
import { checkGatewayStanding } from '../records/gateway-standing';

/** CSKMF to CSKMF on the wire: pulls, and each gateway's log, in order, until it acknowledged it. */
export class DeliveryController implements Handlers<typeof GroupKeyDeliveryServiceService> {
  // entries are sealed for their gateway's log, and sent while its identity stands
  readonly #senders: PeerSenders<OpenDeliveryChannelRequest, OpenDeliveryChannelResponse>;
  readonly #pull: PullGroupKey;

  constructor(server: ServerContext, cskmf: CskmfContext) {
    this.#pull = new PullGroupKey(cskmf);
    this.#senders = new PeerSenders<OpenDeliveryChannelRequest, OpenDeliveryChannelResponse>({
      logOf: (gateway) => new DeliveryLog(server.store, gatewayAggregate(gateway), DELIVERY_LOG),
      receive: receiverMessage,
      send: async (gateway, entry) => {
        // another replica of the Server may have ended the identity meanwhile
        await checkGatewayStanding(server, gateway);
        return openEntry(server, gateway.uri, entry);
      },
    });
  }

  pullGroupKey(request: GroupKeyDeliveryServicePullGroupKeyRequest, call: CallContext) {
    return this.#pull.execute(request, gatewayOf(call), call.standing);
  }

  async openDeliveryChannel(
    call: DuplexContext<OpenDeliveryChannelRequest, OpenDeliveryChannelResponse>,
  ): Promise<void> {
    gatewayOf(call);
    const { uri, fingerprint } = call.requirePeer();
    await this.#senders.serve({ uri, fingerprint }, call);
  }

  /** Ends the channel of a gateway whose identity was ended. */
  endOf(gateway: string): void {
    this.#senders.end(
      gateway,
      unauthenticated('CERTIFICATE_REVOKED', 'the gateway’s certificate is no longer in force: enrol it anew'),
    );
  }

  /** Ends all channels: the gateways come back to whoever answers then. */
  stop(): void {
    this.#senders.stop();
  }
}
