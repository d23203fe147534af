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

/** What a receiver says to its sender. */
export type ReceiverMessage =
  /** First, and once: the highest sequence that is committed at the receiver, 0 at the very beginning. */
  | { readonly kind: 'opening'; readonly lastSequence: bigint }
  /** Afterwards: everything up to and including this sequence is committed at the receiver. */
  | { readonly kind: 'acknowledge'; readonly sequence: bigint };
