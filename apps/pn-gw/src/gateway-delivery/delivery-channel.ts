/** The gateway's ends of the logs that are delivered to it. */
import type { OpenDeliveryChannelResponse } from '@cpns/contracts';
import { Clock, CpnsError } from '@cpns/core';
import {
  BEGINNING,
  DeliveryClient,
  type Received,
  receivedEntry,
  type ReceiverChannel,
  receiverWire,
  type Staging,
} from '@cpns/delivery';
import { BackgroundLoop } from '@cpns/platform';
import { type Aggregate, at, defineRecord, jsonField, optional, type Position, Records } from '@cpns/store';
import { Logger, withStepChain, withTraceparent } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { LiveCredentials } from '../live-credentials/live-credentials';
import { TableAge } from '../live-credentials/table-age';
import { ServerClients } from '../peers/peer-clients';
import { SoleProcess } from '../peers/sole-process';
import { ApplyEntry } from './apply-entry';
import { StageSnapshot } from './staging';

/** How far a log was worked off. */
export const DELIVERED = defineRecord('delivered', {
  lastSequence: jsonField<bigint>(),
  /** Of the entry of that sequence, 16 bytes, or none for 0; absent from before there were ids. */
  entryId: optional(jsonField<Buffer>()),
});

interface Entry {
  readonly traceparent: string;
}

/** Both channels have the same messages in this direction. */
type Answer = ReturnType<typeof receiverWire>;

export interface ChannelOptions<In> {
  /** What it is called in the log. */
  readonly name: string;
  readonly open: () => ReceiverChannel<In, Answer>;
  /** Where it is kept how far the log was worked off. */
  readonly progress: Aggregate;
  readonly read: (response: In) => Received;
  /** Resolves when everything that the entry means is committed. Done twice it has to be the same as done once. */
  readonly handle: (entry: In) => Promise<void>;
  /** Where a snapshot is kept until it is whole; absent where the channel has none. */
  readonly staging?: Omit<Staging<In>, 'end'> & { readonly end: () => Promise<void> };
  /** Whether to ask for a snapshot, whatever there is. */
  readonly resynchronise?: () => Promise<boolean>;
  /** Called when all that the sender had to tell at that time, Unix milliseconds, is committed. */
  readonly onCurrent?: (arrivedAt: number) => Promise<void>;
  /** A channel that another process may not have if this one is to be open. */
  readonly follows?: string;
}

/**
 * What the gateway's two channels have in common: it dials out, works entries off one by one, acknowledges what is
 * committed. An entry and the progress past it lie in two aggregates; each effect is the same when done twice, so that nothing is lost
 * or doubled by a crash in between.
 */
@Injectable()
export class Channels {
  /** The newest channel of each name. */
  readonly #open = new Map<string, { readonly follows: string | undefined; readonly cancel: () => void }>();

  constructor(
    private readonly records: Records,
    private readonly sole: SoleProcess,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /** Keeps a channel open until the signal aborts. */
  run<In extends Entry>(channel: ChannelOptions<In>, signal: AbortSignal): Promise<void> {
    const { name, progress, read, handle, staging, resynchronise, onCurrent } = channel;
    let otherAt = 0;
    const client = new DeliveryClient<In, Answer>({
      open: () => this.open(channel),
      codec: { send: receiverWire, read },
      position: () => this.position(progress),
      handle: async (entry, position, { superseded, more }) => {
        const { traceparent } = entry;
        if (!superseded) await withTraceparent(traceparent, () => withStepChain(traceparent, () => handle(entry)));
        if (!more) await this.keep(progress, position);
      },
      ...(staging && {
        staging: {
          begin: (doubtful) => staging.begin(doubtful),
          take: (message) => staging.take(message),
          end: async (position) => {
            await staging.end();
            await this.keep(progress, position);
          },
        },
      }),
      ...(resynchronise && { resynchronise }),
      ...(onCurrent && { onCurrent }),
      onSenderState: ({ otherProcessAt }) => {
        this.sole.noteOpen(name);
        if (otherProcessAt > otherAt) this.logger.error(`another process asks for the ${name} channel of this gateway`);
        otherAt = otherProcessAt;
      },
      onState: (state) => this.logger.debug(`${name} channel`, { state }),
      onFailure: (error, retryIn) => {
        this.logger.warn(`${name} channel failed`, { error, retryInMs: retryIn });
        if (this.sole.noteRefusal(name, error)) this.closeFollowing(name);
      },
      backoff: { first: 100, longest: 2_000 },
      clock: this.clock,
    });
    return client.run(signal);
  }

  private open<In>({ name, open, follows }: ChannelOptions<In>): ReceiverChannel<In, Answer> {
    if (follows !== undefined && this.sole.isElsewhere(follows))
      throw new CpnsError('RESYNCHRONISING', `another process has the ${follows} channel of this gateway`);
    const channel = open();
    this.#open.set(name, { follows, cancel: () => channel.cancel() });
    return channel;
  }

  /** The other process gets the channels that follow this one as well: each has all, or none. */
  private closeFollowing(name: string): void {
    for (const { follows, cancel } of this.#open.values()) if (follows === name) cancel();
  }

  private async keep(progress: Aggregate, { sequence, entryId }: Position): Promise<void> {
    await this.records.transact(progress, WANTED, () => ({
      result: undefined,
      put: { delivered: { lastSequence: sequence, entryId } },
    }));
  }

  /** A log that was worked off before there were ids is begun anew. */
  private async position(progress: Aggregate): Promise<Position> {
    const { delivered } = await this.records.read(progress, WANTED);
    const { lastSequence: sequence, entryId } = delivered ?? {};
    return sequence === undefined || entryId === undefined ? BEGINNING : { sequence, entryId };
  }
}

const WANTED = { delivered: at(DELIVERED) };

/** Of a Group Key that comes in parts the last one is acknowledged for all. */
const readDelivery = (response: OpenDeliveryChannelResponse): Received =>
  receivedEntry(response, response.entry?.$case === 'groupKey' && response.entry.value.more);

/** The gateway's end of its delivery channel: CSKMF to CSKMF. */
@Injectable()
export class DeliveryChannel extends BackgroundLoop {
  constructor(
    private readonly channels: Channels,
    private readonly server: ServerClients,
    private readonly apply: ApplyEntry,
    private readonly staging: StageSnapshot,
    private readonly credentials: LiveCredentials,
    private readonly age: TableAge,
  ) {
    super();
  }

  run(signal: AbortSignal): Promise<void> {
    const channel = {
      name: 'delivery',
      open: () => this.server.groupKeyDelivery.openDeliveryChannel(),
      progress: { kind: 'delivery', id: 'own' },
      read: readDelivery,
      handle: (entry: OpenDeliveryChannelResponse) => this.apply.execute(entry),
      staging: this.staging,
      // a doubt that a channel left goes with a whole snapshot only
      resynchronise: () => this.credentials.isDoubtful(),
      onCurrent: (arrivedAt: number) => this.age.note(arrivedAt),
    };
    return this.channels.run(channel, signal);
  }
}
