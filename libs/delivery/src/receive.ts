import { CpnsError, systemClock, type Clock } from '@cpns/core';
import type { Position } from '@cpns/store';
import type { Opening, ReceiverChannel, ReceiverMessage } from './channel';
import { outOfRange } from './errors';
import { STATE_EVERY } from './sender';
import { systemTimers, type Timers } from './timers';
import type { Received } from './wire';

/** A channel on which nothing comes for so long, milliseconds, is given up: its sender says its state six times in it. */
export const SILENCE_MAX = 6 * STATE_EVERY;

/** How the receiver's messages look on the wire. */
export interface ReceiverCodec<In, Out> {
  send(message: ReceiverMessage): Out;
  read(message: In): Received;
}

/** Where a receiver keeps a snapshot until all of it is there. */
export interface Staging<In> {
  /** Forgets what an earlier snapshot left. */
  begin(doubtful: boolean): Promise<void>;
  take(message: In): Promise<void>;
  /** Makes it what is so, **with its position**; resolves when that is durable. */
  end(position: Position): Promise<void>;
}

/** How much of an entry a message is. */
export interface EntryKind {
  readonly superseded: boolean;
  /** Further parts of it come. */
  readonly more: boolean;
}

export interface Receiving<In, Out> {
  readonly codec: ReceiverCodec<In, Out>;
  readonly opening: Opening;
  /**
   * Takes one entry: commits its effects **and its position together**, and resolves when that is durable. That is what
   * makes it happen once, wherever either side dies. Never called for two entries at once. Of an entry that a later one
   * supersedes only the position counts; of one in parts it counts with the last, to which no `more` come.
   */
  readonly handle: (message: In, position: Position, is: EntryKind) => Promise<void>;
  /** Absent where the channel has no snapshots. */
  readonly staging?: Staging<In>;
  /** Called when the channel is open: the opening was sent. */
  readonly onOpen?: () => void;
  /** Told of each state of the sender. */
  readonly onSenderState?: (state: Extract<Received, { kind: 'state' }>) => void;
  /** Called when all is committed up to the last entry that the sender had when its state arrived, Unix milliseconds. */
  readonly onCurrent?: (arrivedAt: number) => Promise<void>;
  readonly clock?: Clock;
  readonly timers?: Timers;
  /** Ends the receiving after the entry under way. */
  readonly signal?: AbortSignal;
}

/**
 * Receives entries over one channel until it ends: strictly in order, each handled, then acknowledged. Resolves with the
 * last position when the sender ended the channel, or at the signal.
 * @throws FIELD_OUT_OF_RANGE when the sender left out an entry, or a snapshot is not as long as it says
 * @throws DEPENDENCY_UNAVAILABLE when nothing comes for {@link SILENCE_MAX}
 * @throws whatever the handler or the channel throws; the entry under way is not acknowledged then
 */
export async function receive<In, Out>(
  channel: ReceiverChannel<In, Out>,
  options: Receiving<In, Out>,
): Promise<Position> {
  const { codec, signal, opening, timers = systemTimers } = options;
  const cancel = () => channel.cancel();
  signal?.addEventListener('abort', cancel, { once: true });
  const reception = new Reception(channel, options);
  try {
    if (signal?.aborted) return reception.last;
    await unlessSilent(channel.write(codec.send({ kind: 'opening', opening })), timers);
    options.onOpen?.();
    const messages = channel[Symbol.asyncIterator]();
    for (;;) {
      const next = await unlessSilent(messages.next(), timers);
      if (next.done === true || signal?.aborted) return reception.last;
      await reception.take(next.value);
    }
  } catch (error) {
    // a channel that we cancelled ourselves fails in whatever way it likes
    if (signal?.aborted) return reception.last;
    throw error;
  } finally {
    signal?.removeEventListener('abort', cancel);
    channel.cancel();
  }
}

/** What comes of a channel, unless it takes too long. @throws CpnsError DEPENDENCY_UNAVAILABLE */
function unlessSilent<T>(next: Promise<T>, timers: Timers): Promise<T> {
  return new Promise((resolve, reject) => {
    const message = `the sender said nothing for ${SILENCE_MAX / 1_000} s`;
    const stop = timers.after(SILENCE_MAX, () => reject(new CpnsError('DEPENDENCY_UNAVAILABLE', message)));
    void next.then(resolve, reject).finally(stop);
  });
}

class Reception<In, Out> {
  last: Position;
  #snapshot: { readonly id: Buffer; count: bigint } | undefined;
  /** The oldest state of the sender that is not worked off. */
  #stated: { readonly last: bigint; readonly arrivedAt: number } | undefined;

  constructor(
    private readonly channel: ReceiverChannel<In, Out>,
    private readonly options: Receiving<In, Out>,
  ) {
    this.last = options.opening.position;
  }

  async take(message: In): Promise<void> {
    const is = this.options.codec.read(message);
    switch (is.kind) {
      case 'state':
        this.options.onSenderState?.(is);
        this.#stated ??= { last: is.last.sequence, arrivedAt: (this.options.clock ?? systemClock).now() };
        await this.#say({ kind: 'alive' });
        return this.#noteCurrent();
      case 'begin':
        this.#snapshot = { id: is.snapshotId, count: 0n };
        return this.#staging.begin(is.doubtful);
      case 'staged':
        if (this.#snapshot === undefined) throw malformed();
        this.#snapshot.count += 1n;
        return this.#staging.take(message);
      case 'end':
        return this.#end(is.snapshotId, is.count, is.position);
      case 'entry':
        return this.#entry(message, is.position, { superseded: false, more: is.more });
      case 'superseded':
        return this.#entry(message, is.position, { superseded: true, more: false });
    }
  }

  /** A snapshot that began has to be at its end: before, what is here may be what it is sent for. */
  async #noteCurrent(): Promise<void> {
    if (this.#stated === undefined || this.#snapshot !== undefined || this.#stated.last > this.last.sequence) return;
    const { arrivedAt } = this.#stated;
    this.#stated = undefined;
    await this.options.onCurrent?.(arrivedAt);
  }

  async #end(id: Buffer, count: bigint, position: Position): Promise<void> {
    if (this.#snapshot?.id.equals(id) !== true) throw malformed();
    if (this.#snapshot.count !== count)
      throw outOfRange(`a snapshot of ${count} messages came as ${this.#snapshot.count}`, { count });
    this.#snapshot = undefined;
    await this.#staging.end(position);
    this.last = position;
    await this.#say({ kind: 'acknowledge', position });
    await this.#noteCurrent();
  }

  async #entry(message: In, position: Position, is: EntryKind): Promise<void> {
    const { handle, staging } = this.options;
    if (this.#snapshot !== undefined) throw malformed();
    const { sequence } = position;
    const last = this.last.sequence;
    // without snapshots a receiver that has nothing begins where its sender's log does
    if (sequence > last + 1n && (staging !== undefined || last !== 0n))
      throw outOfRange(`the sender left out entries: ${sequence} came after ${last}`, { last, sequence });
    if (sequence > last) {
      await handle(message, position, is);
      if (is.more) return;
      this.last = position;
    }
    // one that was committed before is acknowledged again: its acknowledgement was lost
    await this.#say({ kind: 'acknowledge', position: this.last });
    await this.#noteCurrent();
  }

  get #staging(): Staging<In> {
    if (this.options.staging === undefined) throw malformed();
    return this.options.staging;
  }

  #say(message: ReceiverMessage): Promise<void> {
    return this.channel.write(this.options.codec.send(message));
  }
}

const malformed = () => new CpnsError('MALFORMED_MESSAGE', 'a snapshot has a beginning, messages and one end');
