import { CpnsError, invalidArgument } from '@cpns/core';
import type { LogEntry, Position } from '@cpns/store';
import { WakeSignal } from './wake-signal';
import type { ReceiverMessage, SenderChannel } from './channel';
import type { DeliveryLog } from './delivery-log';
import { systemTimers, type Timers } from './timers';

/** How the sender's messages look on the wire. */
export interface SenderCodec<In, Out> {
  /** @throws CpnsError for a message that is neither an opening nor an acknowledgement */
  receive(message: In): ReceiverMessage;
  /** The message that carries an entry; this is where a sealed entry is opened. */
  send(entry: LogEntry): Out | Promise<Out>;
}

export interface SenderOptions {
  /** Entries that may be under way without an acknowledgement, 1 to 1,000; 64 unless said. */
  readonly window?: number;
  /** How often to look for entries that no wake-up told of, in milliseconds; 2,000 unless said. */
  readonly pollEvery?: number;
  readonly timers?: Timers;
  /** Told when a log has no longer what was sent from it, which ends the channel: its store lost entries. */
  readonly onLoss?: (log: DeliveryLog, error: CpnsError) => void;
}

const WINDOW = 64;
const POLL_EVERY = 2_000;

/**
 * Drives the channels of one kind of log, at most one for each log: a newer channel of a receiver ends its older one,
 * whose other end is most likely gone.
 */
export class DeliverySender<In, Out> {
  readonly #live = new Map<string, Delivery<In, Out>>();
  readonly #options: Required<SenderOptions>;
  #stopped: CpnsError | undefined;

  constructor(
    private readonly codec: SenderCodec<In, Out>,
    { window = WINDOW, pollEvery = POLL_EVERY, timers = systemTimers, onLoss = () => undefined }: SenderOptions = {},
  ) {
    if (!Number.isInteger(window) || window < 1 || window > 1_000)
      throw new RangeError('a window is 1 to 1,000 entries');
    this.#options = { window, pollEvery, timers, onLoss };
  }

  /** Logs that have a live channel. */
  get size(): number {
    return this.#live.size;
  }

  /**
   * Sends a log's entries over a channel until it ends. Resolves when the receiver ended it; rejects with what ended it
   * otherwise, which the caller lets end the call.
   * @throws FIELD_OUT_OF_RANGE when the receiver claims to have what it was never sent, or lacks what it acknowledged
   * @throws MALFORMED_MESSAGE when its messages come in another order than opening, acknowledgements
   * @throws CONFLICT when a newer channel took over, or the log has no longer what was sent from it
   */
  async serve(log: DeliveryLog, channel: SenderChannel<In, Out>): Promise<void> {
    if (this.#stopped) throw this.#stopped;
    const delivery = new Delivery(log, channel, this.codec, this.#options);
    this.end(log, newerChannel());
    this.#live.set(log.name, delivery);
    try {
      await delivery.run();
    } finally {
      if (this.#live.get(log.name) === delivery) this.#live.delete(log.name);
    }
  }

  /** Ends the live channel of a log with this error, if there is one: what a revocation does. */
  end(log: DeliveryLog, error: CpnsError): boolean {
    const delivery = this.#live.get(log.name);
    delivery?.end(error);
    return delivery !== undefined;
  }

  /** Ends all channels with this error, and every later one at once: the beginning of a graceful stop. */
  stop(error: CpnsError): void {
    this.#stopped = error;
    for (const delivery of this.#live.values()) delivery.end(error);
  }
}

/** One log over one channel. */
class Delivery<In, Out> {
  readonly #signal = new WakeSignal();
  readonly #over = new AbortController();
  /** The last entry written to the channel, and the last acknowledged; in between is the window. */
  #sent = BEGINNING;
  #acknowledged = BEGINNING;
  #underWay: Position[] = [];
  #trimmed = 0n;
  #receiverEnded = false;

  constructor(
    private readonly log: DeliveryLog,
    private readonly channel: SenderChannel<In, Out>,
    private readonly codec: SenderCodec<In, Out>,
    private readonly options: Required<SenderOptions>,
  ) {}

  end(error: unknown): void {
    if (!this.#over.signal.aborted) this.#over.abort(error);
    this.#signal.wake();
  }

  async run(): Promise<void> {
    const ended = () => this.end(this.channel.signal.reason);
    this.channel.signal.addEventListener('abort', ended, { once: true });
    if (this.channel.signal.aborted) ended();
    try {
      const requests = this.channel.requests[Symbol.asyncIterator]();
      await this.#begin(await this.#unlessOver(requests.next()));
      // runs beside the sending; its failure ends that
      this.#readAcknowledgements(requests).catch((error: unknown) => this.end(error));
      await this.log.watch(() => this.#signal.wake(), this.#over.signal);
      await this.#send();
    } finally {
      this.channel.signal.removeEventListener('abort', ended);
      this.end(undefined);
    }
  }

  async #begin({ done, value }: IteratorResult<In, unknown>): Promise<void> {
    if (done) throw invalidArgument('FIELD_MISSING', 'begin the channel with an opening');
    const message = this.codec.receive(value);
    if (message.kind !== 'opening') throw invalidArgument('MALFORMED_MESSAGE', 'begin the channel with an opening');
    const { lastSequence } = message;
    const { last, trimmedTo } = await this.log.read(lastSequence, 1);
    if (lastSequence > last) throw outOfRange(`only ${last} entries were ever sent`, { last });
    // entries that it acknowledged are gone here: to go on would be to skip them without a word
    if (lastSequence < trimmedTo && lastSequence !== 0n)
      throw outOfRange(`entries up to ${trimmedTo} were acknowledged before`, { trimmedTo });
    // one that says it has nothing lost its store, and begins with what there is
    const sequence = lastSequence < trimmedTo ? trimmedTo : lastSequence;
    const { afterId: entryId } = await this.log.read(sequence, 1);
    this.#sent = this.#acknowledged = { sequence, entryId };
    this.#trimmed = trimmedTo;
  }

  async #readAcknowledgements(requests: AsyncIterator<In>): Promise<void> {
    for (let next = await requests.next(); !next.done; next = await requests.next()) {
      const message = this.codec.receive(next.value);
      if (message.kind !== 'acknowledge') throw invalidArgument('MALFORMED_MESSAGE', 'a channel has one opening');
      const last = this.#sent.sequence;
      if (message.sequence > last) throw outOfRange(`only ${last} entries were sent`, { last });
      this.#acknowledged =
        this.#underWay.findLast(({ sequence }) => sequence <= message.sequence) ?? this.#acknowledged;
      this.#underWay = this.#underWay.filter(({ sequence }) => sequence > message.sequence);
      this.#signal.wake();
    }
    this.#receiverEnded = true;
    this.#signal.wake();
  }

  async #send(): Promise<void> {
    const { window, pollEvery, timers } = this.options;
    for (;;) {
      this.#throwIfOver();
      await this.#trim();
      if (this.#receiverEnded) return;
      const room = window - this.#underWay.length;
      const entries = room > 0 ? await this.#readOn(room) : [];
      for (const entry of entries) await this.#sendOne(entry);
      if (entries.length === 0) await this.#signal.wait(timers, pollEvery);
    }
  }

  async #readOn(limit: number): Promise<readonly LogEntry[]> {
    const { entries, afterId, trimmedTo } = await this.log.read(this.#sent.sequence, limit);
    // what another channel acknowledged is no loss
    if (trimmedTo > this.#sent.sequence) throw newerChannel();
    if (!afterId.equals(this.#sent.entryId)) throw this.#lost(this.#sent);
    return entries;
  }

  #lost({ sequence }: Position): CpnsError {
    const error = new CpnsError('CONFLICT', 'the log has no longer what was sent from it: its store lost entries', {
      metadata: { sequence: String(sequence) },
    });
    this.options.onLoss(this.log, error);
    return error;
  }

  async #sendOne(entry: LogEntry): Promise<void> {
    const message = await this.codec.send(entry);
    this.#throwIfOver();
    // counted before it is written: its acknowledgement may come before the write resolves
    this.#sent = { sequence: entry.sequence, entryId: entry.entryId };
    this.#underWay.push(this.#sent);
    await this.#unlessOver(this.channel.write(message));
  }

  /** Once for all the acknowledgements that came meanwhile. */
  async #trim(): Promise<void> {
    const { sequence, entryId } = this.#acknowledged;
    if (sequence <= this.#trimmed) return;
    if (!(await this.log.trim(sequence, entryId))) {
      const { trimmedTo } = await this.log.read(sequence, 1);
      throw trimmedTo > sequence ? newerChannel() : this.#lost(this.#acknowledged);
    }
    this.#trimmed = sequence;
  }

  #throwIfOver(): void {
    if (this.#over.signal.aborted) throw this.#over.signal.reason as Error;
  }

  /** What the promise gives, or the channel's end if that is sooner. */
  #unlessOver<T>(promise: Promise<T>): Promise<T> {
    const { signal } = this.#over;
    return new Promise((resolve, reject) => {
      const over = () => reject(signal.reason as Error);
      signal.addEventListener('abort', over, { once: true });
      // attached in any case: a failure that comes too late must not be an unhandled rejection
      promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', over));
      if (signal.aborted) over();
    });
  }
}

/** Before the first entry. */
const BEGINNING: Position = { sequence: 0n, entryId: Buffer.alloc(0) };

export const newerChannel = () => new CpnsError('CONFLICT', 'a newer channel of this receiver took over');

const outOfRange = (what: string, limits: Record<string, bigint>): CpnsError =>
  invalidArgument('FIELD_OUT_OF_RANGE', `the sequence does not fit this log: ${what}`, {
    metadata: Object.fromEntries(Object.entries(limits).map(([name, value]) => [name, String(value)])),
  });
