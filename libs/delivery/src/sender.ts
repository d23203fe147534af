import { randomBytes } from 'node:crypto';
import { CpnsError, duration, invalidArgument } from '@cpns/core';
import type { LogEntry, LogPage, Position } from '@cpns/store';
import type { Opening, SenderChannel } from './channel';
import type { ClaimedLog } from './claimed-log';
import { outOfRange, resynchronising, superseded } from './errors';
import { agesOf, isDoubtful, judgePosition, type LogHead } from './judge-position';
import { messagesOf, type Receiver, type SenderCodec, type SenderOptions } from './sender-codec';
import { pause } from './timers';
import { WakeSignal } from './wake-signal';

/** How often the sender says its state, milliseconds. */
export const STATE_EVERY = duration(10, 'second');
/** How often a process that waits for a claim looks, milliseconds. */
const CLAIM_POLL = duration(1, 'second');
/** Entries in which a later one about the same thing is looked for. */
const LOOK_AHEAD = 1_000;

/** Before the first entry. */
export const BEGINNING: Position = { sequence: 0n, entryId: Buffer.alloc(0) };

/** A snapshot under way. */
interface Snapshot {
  readonly snapshotId: Buffer;
  /** Taken before anything else was read: what came later follows it in the log. */
  readonly position: Position;
  /** What is kept once it was acknowledged. */
  readonly head: LogHead;
}

/** One log over one channel. */
export class Delivery<In, Out> {
  readonly #signal = new WakeSignal();
  readonly #over = new AbortController();
  /** The last entry written to the channel; those without an acknowledgement are the window. */
  #sent = BEGINNING;
  #acknowledged: Position | undefined;
  #underWay: Position[] = [];
  #token: Buffer | undefined;
  #life = '';
  #head: LogHead | undefined;
  /** Until it is acknowledged. */
  #snapshot: Snapshot | undefined;
  #otherProcessAt = 0;
  #receiverEnded = false;

  constructor(
    private readonly claimed: ClaimedLog,
    readonly receiver: Receiver,
    private readonly life: () => Promise<string>,
    private readonly channel: SenderChannel<In, Out>,
    private readonly codec: SenderCodec<In, Out>,
    private readonly options: SenderOptions,
  ) {}

  /** Whether its receiver may still acknowledge. */
  get hasLog(): boolean {
    return this.#token !== undefined;
  }

  end(error: unknown): void {
    if (!this.#over.signal.aborted) this.#over.abort(error);
    this.#signal.wake();
  }

  /** @param onClaimed called once the log is this channel's */
  async run(onClaimed: () => void): Promise<void> {
    const ended = () => this.end(this.channel.signal.reason);
    this.channel.signal.addEventListener('abort', ended, { once: true });
    if (this.channel.signal.aborted) ended();
    try {
      const requests = this.channel.requests[Symbol.asyncIterator]();
      const opening = this.#openingOf(await this.#unlessOver(requests.next()));
      this.#token = await this.#claim(opening);
      onClaimed();
      await this.#begin(opening);
      // these run beside the sending; their failure ends that
      for (const beside of [this.#listen(requests), this.#tellState()])
        beside.catch((error: unknown) => this.end(error));
      await this.claimed.log.watch(() => this.#signal.wake(), this.#over.signal);
      await this.#send();
    } finally {
      this.channel.signal.removeEventListener('abort', ended);
      this.end(undefined);
      // one that cannot be released is over 30 s after the last sign of life
      if (this.#token) await this.claimed.release(this.#token).catch(() => undefined);
    }
  }

  #openingOf({ done, value }: IteratorResult<In, unknown>): Opening {
    if (done) throw invalidArgument('FIELD_MISSING', 'begin the channel with an opening');
    const message = this.codec.receive(value);
    if (message.kind !== 'opening') throw invalidArgument('MALFORMED_MESSAGE', 'begin the channel with an opening');
    return message.opening;
  }

  /** @throws CpnsError ALREADY_CONNECTED when the other process shows a sign of life meanwhile */
  async #claim({ processId }: Opening): Promise<Buffer> {
    const claimant = { processId, fingerprint: this.receiver.fingerprint };
    for (let before: number | undefined; ;) {
      const taken = await this.#unlessOver(this.claimed.claim(claimant, before === undefined));
      if (typeof taken !== 'number') return taken;
      if (before !== undefined && taken !== before)
        throw new CpnsError(
          'ALREADY_CONNECTED',
          'another process with this identity has the channel: stop one of them',
        );
      before = taken;
      await pause(this.options.timers, CLAIM_POLL, this.#over.signal);
      this.#throwIfOver();
    }
  }

  async #begin(opening: Opening): Promise<void> {
    const { position } = opening;
    const page = await this.claimed.log.read(position.sequence, 1);
    const { clock, incarnation, onSnapshot } = this.options;
    this.#life = await this.life();
    this.#head = await this.claimed.head();
    const present = { life: this.#life, time: clock.now(), incarnation: await incarnation() };
    if (this.codec.snapshot === undefined) return this.#goOn(position, page);
    const cause = judgePosition(opening, page, this.#head, present);
    if (cause === undefined) return this.#goOn(position, page);
    onSnapshot(this.receiver.uri, cause);
    const [snapshotId, doubtful] = [randomBytes(16), isDoubtful(cause)];
    this.#snapshot = {
      snapshotId,
      position: { sequence: page.last, entryId: page.lastId },
      head: { life: present.life, snapshotAt: present.time, incarnation: present.incarnation, overflowed: false },
    };
    // before the first state, which would otherwise make the receiver current too early
    await this.#write(this.codec.control({ kind: 'begin', snapshotId, doubtful }));
  }

  async #goOn(position: Position, { last, trimmedTo, afterId }: LogPage): Promise<void> {
    const { sequence, entryId } = position;
    if (sequence === 0n && trimmedTo > 0n) {
      // one that says it has nothing lost its store, and begins with what there is
      this.#sent = { sequence: trimmedTo, entryId: (await this.claimed.log.read(trimmedTo, 1)).afterId };
      return;
    }
    if (sequence < trimmedTo || sequence > last || !afterId.equals(entryId))
      throw outOfRange('the sequence does not fit this log: it has no such entry', { trimmedTo, last });
    this.#sent = this.#acknowledged = position;
  }

  async #listen(requests: AsyncIterator<In>): Promise<void> {
    for (let next = await requests.next(); !next.done; next = await requests.next()) {
      const message = this.codec.receive(next.value);
      if (message.kind === 'opening') throw invalidArgument('MALFORMED_MESSAGE', 'a channel has one opening');
      if (message.kind === 'alive') await this.#alive();
      else this.#noteAcknowledged(message.position);
    }
    this.#receiverEnded = true;
    this.#signal.wake();
  }

  async #alive(): Promise<void> {
    const otherProcessAt = this.#token && (await this.claimed.renew(this.#token));
    if (otherProcessAt === undefined) throw superseded();
    this.#otherProcessAt = otherProcessAt;
  }

  #noteAcknowledged({ sequence, entryId }: Position): void {
    const last = this.#sent.sequence;
    if (sequence > last) throw outOfRange(`the sequence does not fit this log: only ${last} were sent`, { last });
    const at = this.#underWay.find((each) => each.sequence === sequence);
    // one that was acknowledged before changes nothing
    if (at === undefined) return;
    if (!at.entryId.equals(entryId))
      throw invalidArgument('FIELD_OUT_OF_RANGE', 'another entry was sent with that sequence', {
        metadata: { field: 'entry_id' },
      });
    this.#acknowledged = at;
    this.#underWay = this.#underWay.filter((each) => each.sequence > sequence);
    this.#signal.wake();
  }

  /** At once and from time to time, until the channel is over. */
  async #tellState(): Promise<void> {
    const { timers, clock, incarnation } = this.options;
    while (!this.#over.signal.aborted) {
      const { last, lastId } = await this.claimed.log.read(this.#sent.sequence, 1);
      const state = { last: { sequence: last, entryId: lastId }, otherProcessAt: this.#otherProcessAt };
      await this.channel.write(this.codec.control({ kind: 'state', ...state }));
      await pause(timers, STATE_EVERY, this.#over.signal);
      if (this.codec.snapshot === undefined || this.#head === undefined || this.#snapshot) continue;
      if (agesOf(this.#head, { life: this.#life, time: clock.now(), incarnation: await incarnation() }))
        throw resynchronising();
    }
  }

  async #send(): Promise<void> {
    const { window, pollEvery, timers } = this.options;
    if (this.#snapshot) await this.#sendSnapshot(this.#snapshot);
    for (;;) {
      this.#throwIfOver();
      await this.#trim();
      if (this.#receiverEnded) return;
      const room = window - this.#underWay.length;
      const entries = room > 0 ? await this.#readOn(room) : [];
      for (const { entry, isSuperseded } of entries) await this.#sendOne(entry, isSuperseded);
      if (entries.length === 0) await this.#signal.wait(timers, pollEvery);
    }
  }

  async #sendSnapshot({ position, snapshotId }: Snapshot): Promise<void> {
    let count = 0n;
    for await (const message of this.codec.snapshot?.(this.receiver) ?? []) {
      count += 1n;
      await this.#write(message);
    }
    this.#note(position);
    await this.#write(this.codec.control({ kind: 'end', snapshotId, count, position }));
  }

  async #readOn(room: number): Promise<readonly { entry: LogEntry; isSuperseded: boolean }[]> {
    const { codec } = this;
    const limit = codec.subjectOf === undefined ? room : LOOK_AHEAD;
    const { entries, afterId, trimmedTo } = await this.claimed.log.read(this.#sent.sequence, limit);
    // what waited too long was let go, or another channel has it: where to go on is judged anew
    if (trimmedTo > this.#sent.sequence) throw resynchronising();
    if (!afterId.equals(this.#sent.entryId)) throw this.#lost(this.#sent);
    const newest = new Map(entries.map((entry) => [codec.subjectOf?.(entry), entry]));
    return entries.slice(0, room).map((entry) => ({
      entry,
      isSuperseded: codec.subjectOf !== undefined && newest.get(codec.subjectOf(entry)) !== entry,
    }));
  }

  #lost({ sequence }: Position): CpnsError {
    const error = resynchronising({ sequence: String(sequence) });
    this.options.onLoss(this.receiver.uri, error);
    return error;
  }

  async #sendOne(entry: LogEntry, isSuperseded: boolean): Promise<void> {
    const position = { sequence: entry.sequence, entryId: entry.entryId };
    const messages = isSuperseded ? [] : await messagesOf(this.codec.send(this.receiver, entry));
    this.#throwIfOver();
    this.#note(position);
    let isSaid = false;
    for await (const message of messages) {
      isSaid = true;
      await this.#write(message);
    }
    if (!isSaid) await this.#write(this.codec.control({ kind: 'superseded', position }));
  }

  /** Before it is written: its acknowledgement may come before the write resolves. */
  #note(position: Position): void {
    this.#sent = position;
    this.#underWay.push(position);
  }

  async #write(message: Out): Promise<void> {
    this.#throwIfOver();
    await this.#unlessOver(this.channel.write(message));
  }

  /** Once for all the acknowledgements that came meanwhile. */
  async #trim(): Promise<void> {
    const position = this.#acknowledged;
    const head = position && this.#snapshot ? this.#snapshot.head : undefined;
    if (position === undefined || this.#token === undefined || (position.sequence === 0n && !head)) return;
    this.#acknowledged = undefined;
    try {
      if (!(await this.claimed.acknowledge(this.#token, position, head))) throw superseded();
    } catch (error) {
      if (!(error instanceof CpnsError) || error.reason !== 'CONFLICT') throw error;
      const { trimmedTo } = await this.claimed.log.read(position.sequence, 1);
      throw trimmedTo > position.sequence ? resynchronising() : this.#lost(position);
    }
    if (head === undefined) return;
    [this.#head, this.#snapshot] = [head, undefined];
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
