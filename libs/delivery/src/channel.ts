import type { Position } from '@cpns/store';

/**
 * What delivery asks of a transport: messages one by one in both directions, with back-pressure. The streams of
 * `@cpns/grpc` have these shapes; nothing here knows of gRPC.
 */

/** The sender's side: a call that it answers. */
export interface SenderChannel<In, Out> {
  /** Ends when the receiver ends its side; throws when the call ends otherwise. */
  readonly requests: AsyncIterable<In>;
  /** Resolves when the transport took the message; rejects once the call has ended. */
  write(message: Out): Promise<void>;
  /** Aborted when the call has ended, by either side; its reason is the error. */
  readonly signal: AbortSignal;
}

/** The receiver's side: a call that it made. Iterating ends when the sender ends the call, and throws when it fails. */
export interface ReceiverChannel<In, Out> extends AsyncIterable<In> {
  /** Resolves when the transport took the message; rejects once the call has ended. */
  write(message: Out): Promise<void>;
  /** Ends the call. Idempotent. */
  cancel(): void;
}

/** Where a receiver goes on. */
export interface Opening {
  /** The last entry that is committed at the receiver; sequence 0 and an empty id where it has none. */
  readonly position: Position;
  /** 16 random bytes, new at each start of the receiver's process. */
  readonly processId: Buffer;
  /** It asks for a snapshot, whatever it has. */
  readonly resynchronise: boolean;
}

/** What a receiver says to its sender. */
export type ReceiverMessage =
  /** First, and once. */
  | { readonly kind: 'opening'; readonly opening: Opening }
  /** Afterwards: everything up to and including this entry is committed at the receiver. */
  | { readonly kind: 'acknowledge'; readonly position: Position }
  /** In answer to each state of the sender. */
  | { readonly kind: 'alive' };

/** What a sender says beside its entries. */
export type Control =
  /** At once and from time to time. `otherProcessAt`: when another process asked for the log, Unix ms, or 0. */
  | { readonly kind: 'state'; readonly last: Position; readonly otherProcessAt: number }
  /** In the place of an entry about something that a later entry is also about: to be acknowledged only. */
  | { readonly kind: 'superseded'; readonly position: Position }
  | { readonly kind: 'begin'; readonly snapshotId: Buffer; readonly doubtful: boolean }
  /** After `count` messages: the receiver has what the log says up to and including `position`. */
  | { readonly kind: 'end'; readonly snapshotId: Buffer; readonly count: bigint; readonly position: Position };
