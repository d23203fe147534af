/** The channel that brings a gateway its log, in order, until the gateway acknowledged it. */
import { OpenDeliveryChannelResponse, type OpenDeliveryChannelRequest } from '@cpns/contracts';
import { Clock, parseEntityUri } from '@cpns/core';
import { controlWire, PeerSenders, receiverMessage, type Receiver } from '@cpns/delivery';
import type { DuplexContext } from '@cpns/grpc';
import { PersonalNetworks } from '@cpns/platform';
import { Records, Store, type LogEntry } from '@cpns/store';
import { Logger } from '@cpns/telemetry';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { GatewayLog, subjectOf } from '../gateway-log/gateway-log';
import { GatewayStanding } from '../gateways/records';
import { DeliveryMessages } from './delivery-messages';
import { Snapshot } from './snapshot';

const EMPTY = OpenDeliveryChannelResponse.fromPartial({});

/** The open channels: each carries its gateway's log, in order, until the gateway acknowledged it. */
@Injectable()
export class DeliveryChannels implements OnApplicationShutdown {
  readonly #senders: PeerSenders<OpenDeliveryChannelRequest, OpenDeliveryChannelResponse>;

  constructor(
    records: Records,
    store: Store,
    clock: Clock,
    log: GatewayLog,
    private readonly standing: GatewayStanding,
    private readonly messages: DeliveryMessages,
    private readonly all: Snapshot,
    private readonly networks: PersonalNetworks,
    logger: Logger,
  ) {
    this.#senders = new PeerSenders<OpenDeliveryChannelRequest, OpenDeliveryChannelResponse>({
      records,
      store,
      clock,
      logOf: (gateway) => log.of(gateway),
      lifeOf: (gateway) => standing.lifeOf(gateway),
      codec: {
        receive: receiverMessage,
        send: (gateway, entry) => this.messagesOf(gateway, entry),
        control: (said) => ({ ...EMPTY, ...controlWire(said) }),
        subjectOf,
        snapshot: (gateway) => this.snapshotFor(gateway),
      },
      onSnapshot: (gateway, cause) => logger.info('a gateway is told of all that it is to know', { gateway, cause }),
      onLoss: (gateway, error) => logger.error('the store lost entries that had been sent', { gateway, error }),
    });
  }

  /** @throws CpnsError SHUTTING_DOWN, and what ends the channel */
  async serve(
    gateway: Receiver,
    channel: DuplexContext<OpenDeliveryChannelRequest, OpenDeliveryChannelResponse>,
  ): Promise<void> {
    // known since it enrolled, unless the record of its PN was taken out of the store
    await this.networks.add(parseEntityUri(gateway.uri));
    return this.#senders.serve(gateway, channel);
  }

  /** Ends all channels: the gateways come back to the instance that answers then. */
  onApplicationShutdown(): void {
    this.#senders.stop();
  }

  /** Each is sent while the gateway's identity stands: another replica of the Server may have ended it meanwhile. */
  private async *messagesOf(gateway: Receiver, { sequence, entryId, value, ...entry }: LogEntry) {
    await this.standing.check(gateway);
    const traceparent = value.toString('utf8');
    for await (const message of this.messages.of(gateway.uri, entry))
      yield { sequence, entryId, traceparent, entry: message };
  }

  private async *snapshotFor(gateway: Receiver) {
    await this.standing.check(gateway);
    for await (const entry of this.all.of(gateway.uri)) yield { ...EMPTY, entry };
  }
}
