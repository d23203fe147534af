import type { OpenDeliveryChannelRequest, OpenDeliveryChannelResponse } from '@cpns/contracts';
import { unauthenticated } from '@cpns/core';
import { PeerSenders, receiverMessage, type Receiver } from '@cpns/delivery';
import type { DuplexContext } from '@cpns/grpc';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { GatewayStanding } from '../gateways/gateway-standing';
import { GatewayLog } from './gateway-log';

/** The open channels: each carries its gateway's log, in order, until the gateway acknowledged it. */
@Injectable()
export class DeliveryChannels implements OnApplicationShutdown {
  // entries are sealed for their gateway's log, and sent while its identity stands
  readonly #senders: PeerSenders<OpenDeliveryChannelRequest, OpenDeliveryChannelResponse>;

  constructor(log: GatewayLog, standing: GatewayStanding) {
    this.#senders = new PeerSenders<OpenDeliveryChannelRequest, OpenDeliveryChannelResponse>({
      logOf: (gateway) => log.of(gateway),
      receive: receiverMessage,
      send: async (gateway, entry) => {
        // another replica of the Server may have ended the identity meanwhile
        await standing.check(gateway);
        return log.open(gateway.uri, entry);
      },
    });
  }

  /** @throws CpnsError SHUTTING_DOWN, and what ends the channel */
  serve(
    gateway: Receiver,
    channel: DuplexContext<OpenDeliveryChannelRequest, OpenDeliveryChannelResponse>,
  ): Promise<void> {
    return this.#senders.serve(gateway, channel);
  }

  /** Ends the channel of a gateway whose identity was ended. */
  endOf(gateway: string): void {
    this.#senders.end(
      gateway,
      unauthenticated('CERTIFICATE_REVOKED', 'the gateway’s certificate is no longer in force: enrol it anew'),
    );
  }

  /** Ends all channels: the gateways come back to the instance that answers then. */
  onApplicationShutdown(): void {
    this.#senders.stop();
  }
}
