/**
 * What a gateway is sent over its delivery channel, in order, until it acknowledged it. Entries may hold a secret (A of a
 * token), so the log holds them sealed.
 */
import { OpenDeliveryChannelResponse, type OpenDeliveryChannelRequest } from '@cpns/contracts';
import { Clock, join, lp, parseEntityUri, Reader, unauthenticated } from '@cpns/core';
import { controlWire, DeliveryLog, PeerSenders, receiverMessage, type Receiver } from '@cpns/delivery';
import type { DuplexContext } from '@cpns/grpc';
import { PersonalNetworks } from '@cpns/platform';
import { Records, Store, type Append, type LogEntry } from '@cpns/store';
import { currentTraceparent, lastStep, Logger } from '@cpns/telemetry';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { gatewayAggregate, GatewayStanding } from '../gateways/records';

export type DeliveryEntry = NonNullable<OpenDeliveryChannelResponse['entry']>;

/** The log that OpenDeliveryChannel drives. */
const DELIVERY_LOG = 'delivery';

const place = (gateway: string, dedupeId: string) => ({
  record: `gateway/${gateway}/${DELIVERY_LOG}`,
  field: dedupeId,
  revision: 0n,
});

/** The delivery log of each gateway, by its E. */
@Injectable()
export class GatewayLog {
  constructor(
    private readonly store: Store,
    private readonly records: Records,
  ) {}

  of(gateway: string): DeliveryLog {
    return new DeliveryLog(this.store, gatewayAggregate(gateway), DELIVERY_LOG);
  }

  /** An entry for a commit of the gateway's records; the sequence is given by the log. */
  sealedEntry(gateway: string, dedupeId: string, entry: DeliveryEntry): Append {
    return this.of(gateway).entry(dedupeId, this.#seal(gateway, dedupeId, entry));
  }

  /** An entry in a commit of its own. @returns its sequence */
  append(gateway: string, dedupeId: string, entry: DeliveryEntry): Promise<bigint> {
    return this.of(gateway).append(dedupeId, this.#seal(gateway, dedupeId, entry));
  }

  /** The entry as it goes over the channel. @throws CpnsError STORED_RECORD_INVALID */
  async open(gateway: string, stored: LogEntry): Promise<OpenDeliveryChannelResponse> {
    const { sealer } = this.records;
    const where = place(gateway, stored.dedupeId);
    const reader = new Reader(stored.value, 'a stored entry');
    const keyId = reader.lpText();
    await sealer.ready(keyId, where.record);
    const message = sealer.open(where, reader.take(reader.remaining()), keyId);
    return { ...OpenDeliveryChannelResponse.decode(message), sequence: stored.sequence, entryId: stored.entryId };
  }

  #seal(gateway: string, dedupeId: string, entry: DeliveryEntry): Buffer {
    const message = OpenDeliveryChannelResponse.encode({
      sequence: 0n,
      entryId: Buffer.alloc(0),
      traceparent: lastStep() || currentTraceparent(),
      entry,
    }).finish();
    const { sealer } = this.records;
    const keyId = sealer.currentKeyId;
    return join(lp(keyId), sealer.seal(place(gateway, dedupeId), message, keyId));
  }
}

/** The open channels: each carries its gateway's log, in order, until the gateway acknowledged it. */
@Injectable()
export class DeliveryChannels implements OnApplicationShutdown {
  // entries are sealed for their gateway's log, and sent while its identity stands
  readonly #senders: PeerSenders<OpenDeliveryChannelRequest, OpenDeliveryChannelResponse>;

  constructor(
    records: Records,
    store: Store,
    clock: Clock,
    log: GatewayLog,
    standing: GatewayStanding,
    private readonly networks: PersonalNetworks,
    logger: Logger,
  ) {
    this.#senders = new PeerSenders<OpenDeliveryChannelRequest, OpenDeliveryChannelResponse>({
      records,
      store,
      clock,
      logOf: (gateway) => log.of(gateway),
      // without snapshots nothing depends on it
      lifeOf: () => Promise.resolve(''),
      codec: {
        receive: receiverMessage,
        send: async (gateway, entry) => {
          // another replica of the Server may have ended the identity meanwhile
          await standing.check(gateway);
          return log.open(gateway.uri, entry);
        },
        control: (said) => ({ traceparent: '', ...controlWire(said) }),
      },
      onSnapshot: () => undefined,
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
