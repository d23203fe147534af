/** What the gateway's two channels have in common: it dials out, works entries off one by one, acknowledges what is committed. */
import { DeliveryClient, type ReceiverChannel, type ReceiverMessage } from '@cpns/delivery';
import { at, Records, type Aggregate } from '@cpns/store';
import { Logger, withStepChain, withTraceparent } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { DELIVERED } from './records';

interface Entry {
  readonly sequence: bigint;
  readonly traceparent: string;
}

/** Both channels have the same two messages in this direction. */
interface Answer {
  message: { $case: 'opening'; value: { lastSequence: bigint } } | { $case: 'acknowledge'; value: bigint } | undefined;
}

export interface ChannelOptions<In> {
  /** What it is called in the log. */
  readonly name: string;
  readonly open: () => ReceiverChannel<In, Answer>;
  /** Where it is kept how far the log was worked off. */
  readonly progress: Aggregate;
  /** Resolves when everything that the entry means is committed. Done twice it has to be the same as done once. */
  readonly handle: (entry: In) => Promise<void>;
}

/**
 * An entry and the progress past it lie in two aggregates; each effect is the same when done twice, so that nothing is lost
 * or doubled by a crash in between.
 */
@Injectable()
export class Channels {
  constructor(
    private readonly records: Records,
    private readonly logger: Logger,
  ) {}

  /** Keeps a channel open until the signal aborts. */
  run<In extends Entry>({ name, open, progress, handle }: ChannelOptions<In>, signal: AbortSignal): Promise<void> {
    const client = new DeliveryClient<In, Answer>({
      open,
      codec: { send: (message) => ({ message: wireMessage(message) }), sequenceOf: ({ sequence }) => sequence },
      lastSequence: async () => (await this.records.read(progress, WANTED)).delivered?.lastSequence ?? 0n,
      handle: async (entry, sequence) => {
        const { traceparent } = entry;
        await withTraceparent(traceparent, () => withStepChain(traceparent, () => handle(entry)));
        await this.records.transact(progress, WANTED, () => ({
          result: undefined,
          put: { delivered: { lastSequence: sequence } },
        }));
      },
      onState: (state) => this.logger.debug(`${name} channel`, { state }),
      onFailure: (error, retryIn) => this.logger.warn(`${name} channel failed`, { error, retryInMs: retryIn }),
      backoff: { first: 100, longest: 2_000 },
    });
    return client.run(signal);
  }
}

const WANTED = { delivered: at(DELIVERED) };

const wireMessage = (message: ReceiverMessage): NonNullable<Answer['message']> =>
  message.kind === 'opening'
    ? { $case: 'opening', value: { lastSequence: message.lastSequence } }
    : { $case: 'acknowledge', value: message.sequence };
