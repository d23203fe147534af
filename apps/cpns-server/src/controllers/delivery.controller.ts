import {
  GroupKeyDeliveryServiceService,
  type OpenDeliveryChannelRequest,
  type OpenDeliveryChannelResponse,
} from '@cpns/contracts';
import { CpnsError, invalidArgument, unauthenticated } from '@cpns/core';
import { DeliveryLog, DeliverySender, type ReceiverMessage } from '@cpns/delivery';
import type { DuplexContext, Handlers } from '@cpns/grpc';
import type { ServerContext } from '../context';
import { openEntry } from '../cskmf/gateway-log';
import { DELIVERY_LOG, gatewayAggregate } from '../records/gateway-records';
import { checkGatewayStanding, type GatewayPeer } from '../records/gateway-standing';
import { gatewayOf } from './gateway-of';

const { openDeliveryChannel } = GroupKeyDeliveryServiceService;

/** The RPC of CSKMF to CSKMF that is served so far; the port answers UNIMPLEMENTED to the other. */
export const DELIVERY_SERVED = { openDeliveryChannel };

type Sender = DeliverySender<OpenDeliveryChannelRequest, OpenDeliveryChannelResponse>;

/** The delivery channel on the wire: each gateway's log, in order, until it acknowledged it. */
export class DeliveryController implements Handlers<typeof DELIVERY_SERVED> {
  // one for each gateway and certificate: entries are sealed for their gateway's log, and sent while its identity stands
  readonly #senders = new Map<string, { readonly key: string; readonly sender: Sender }>();
  #stopped = false;

  constructor(private readonly server: ServerContext) {}

  openDeliveryChannel(call: DuplexContext<OpenDeliveryChannelRequest, OpenDeliveryChannelResponse>): Promise<void> {
    if (this.#stopped) throw stopping();
    const { uri, fingerprint } = call.requirePeer();
    gatewayOf(call);
    const log = new DeliveryLog(this.server.store, gatewayAggregate(uri), DELIVERY_LOG);
    return this.#senderOf({ uri, fingerprint }).serve(log, call);
  }

  /** Ends the channel of a gateway whose identity was ended. */
  endOf(gateway: string): void {
    const log = new DeliveryLog(this.server.store, gatewayAggregate(gateway), DELIVERY_LOG);
    this.#senders
      .get(gateway)
      ?.sender.end(
        log,
        unauthenticated('CERTIFICATE_REVOKED', 'the gateway’s certificate is no longer in force: enrol it anew'),
      );
  }

  /** Ends all channels: the gateways come back to whoever answers then. */
  stop(): void {
    this.#stopped = true;
    for (const { sender } of this.#senders.values()) sender.stop(stopping());
  }

  #senderOf(gateway: GatewayPeer): Sender {
    const key = `${gateway.uri} ${gateway.fingerprint.toString('hex')}`;
    const known = this.#senders.get(gateway.uri);
    if (known?.key === key) return known.sender;
    known?.sender.stop(new CpnsError('CONFLICT', 'a newer channel of this receiver took over'));
    const sender: Sender = new DeliverySender({
      receive: receiverMessage,
      send: async (entry) => {
        // another replica of the Server may have ended the identity meanwhile
        await checkGatewayStanding(this.server, gateway);
        return openEntry(this.server, gateway.uri, entry);
      },
    });
    this.#senders.set(gateway.uri, { key, sender });
    return sender;
  }
}

const stopping = () => new CpnsError('SHUTTING_DOWN', 'the service is stopping; call another instance or try again');

function receiverMessage({ message }: OpenDeliveryChannelRequest): ReceiverMessage {
  switch (message?.$case) {
    case 'opening':
      return { kind: 'opening', lastSequence: message.value.lastSequence };
    case 'acknowledge':
      return { kind: 'acknowledge', sequence: message.value };
    case undefined:
      throw invalidArgument('FIELD_MISSING', 'send an opening or an acknowledgement', {
        metadata: { field: 'message' },
      });
  }
}
