import type { Clock, CpnsError } from '@cpns/core';
import type { LogEntry } from '@cpns/store';
import type { Control, ReceiverMessage } from './channel';
import type { Cause } from './judge-position';
import type { Timers } from './timers';

/** Who is at the other end of a channel: a name, and the certificate that showed it. */
export interface Receiver {
  readonly uri: string;
  /** SHA-256 of its certificate, 32 bytes. */
  readonly fingerprint: Buffer;
}

/**
 * The message that carries an entry, or its parts, each with the sequence and the id of the entry; without any part the entry
 * has nothing to say any more, and is sent as superseded.
 */
export type Sent<Out> = Out | Promise<Out> | AsyncIterable<Out>;

/** How the sender's messages look on the wire. */
export interface SenderCodec<In, Out> {
  /** @throws CpnsError for a message that is none of a receiver's */
  receive(message: In): ReceiverMessage;
  /** What it throws ends the channel, such as an ended identity. */
  send(receiver: Receiver, entry: LogEntry): Sent<Out>;
  control(said: Control): Out;
  /** What an entry is about: of several in a row about one thing the last alone is sent as it is. */
  subjectOf?(entry: LogEntry): string;
  /** How everything is, in messages without a sequence. Without it the channel has no snapshots. */
  snapshot?(receiver: Receiver): AsyncIterable<Out>;
}

export interface SenderOptions {
  /** Entries that may be under way without an acknowledgement, 1 to 1,000; 64 unless said. */
  readonly window: number;
  /** How often to look for entries that no wake-up told of, in milliseconds; 2,000 unless said. */
  readonly pollEvery: number;
  readonly timers: Timers;
  readonly clock: Clock;
  /** Names what the store runs on. */
  readonly incarnation: () => Promise<string>;
  /** Told when the store has no longer what was sent, and why a receiver is sent a snapshot. */
  readonly onLoss: (uri: string, error: CpnsError) => void;
  readonly onSnapshot: (uri: string, cause: Cause) => void;
}

/** What a codec makes of an entry, as something to go through. */
export async function messagesOf<Out>(made: Sent<Out>): Promise<AsyncIterable<Out> | Iterable<Out>> {
  const messages = await made;
  return isMany(messages) ? messages : [messages];
}

const isMany = <Out>(made: Out | AsyncIterable<Out>): made is AsyncIterable<Out> =>
  typeof made === 'object' && made !== null && Symbol.asyncIterator in made;
