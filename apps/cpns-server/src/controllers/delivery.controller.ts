import {
  GroupKeyDeliveryServiceService,
  type OpenDeliveryChannelRequest,
  type OpenDeliveryChannelResponse,
} from '@cpns/contracts';
import { CpnsError, invalidArgument } from '@cpns/core';
import { DeliveryLog, DeliverySender, type ReceiverMessage } from '@cpns/delivery';
import type { DuplexContext, Handlers } from '@cpns/grpc';
import type { ServerContext } from '../context';
import { openEntry } from '../cskmf/gateway-log';
import { DELIVERY_LOG, gatewayAggregate } from '../records/gateway-records';
import { gatewayOf } from './gateway-of';

const { openDeliveryChannel } = GroupKeyDeliveryServiceService;

/** The RPC of CSKMF to CSKMF that is served so far; the port answers UNIMPLEMENTED to the other. */
export const DELIVERY_SERVED = { openDeliveryChannel };

type Sender = DeliverySender<OpenDeliveryChannelRequest, OpenDeliveryChannelResponse>;

/** The delivery channel on the wire: each gateway's log, in order, until it acknowledged it. */
export class DeliveryController implements Handlers<typeof DELIVERY_SERVED> {
  // one for each gateway, since entries are sealed for their gateway's log
  readonly #senders = new Map<string, Sender>();
  #stopped = false;

  constructor(private readonly server: ServerContext) {}

  openDeliveryChannel(call: DuplexContext<OpenDeliveryChannelRequest, OpenDeliveryChannelResponse>): Promise<void> {
    if (this.#stopped) throw stopping();
    const { uri } = gatewayOf(call);
    const log = new DeliveryLog(this.server.store, gatewayAggregate(uri), DELIVERY_LOG);
    return this.#senderOf(uri).serve(log, call);
  }

  /** Ends all channels: the gateways come back to whoever answers then. */
  stop(): void {
    this.#stopped = true;
    for (const sender of this.#senders.values()) sender.stop(stopping());
  }

  #senderOf(gateway: string): Sender {
    const known = this.#senders.get(gateway);
    if (known !== undefined) return known;
    const sender: Sender = new DeliverySender({
      receive: receiverMessage,
      send: (entry) => openEntry(this.server, gateway, entry),
    });
    this.#senders.set(gateway, sender);
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
