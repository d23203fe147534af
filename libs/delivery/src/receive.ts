import { invalidArgument } from '@cpns/core';
import type { ReceiverChannel, ReceiverMessage } from './channel';

/** How the receiver's messages look on the wire. */
export interface ReceiverCodec<In, Out> {
  send(message: ReceiverMessage): Out;
  /** The sequence that an entry carries. */
  sequenceOf(message: In): bigint;
}

export interface Receiving<In, Out> {
  readonly codec: ReceiverCodec<In, Out>;
  /** The highest sequence that is committed here, 0 at the very beginning. */
  readonly lastSequence: bigint;
  /**
   * Takes one entry: commits its effects **and its sequence together**, and resolves when that is durable. That is what
   * makes it happen once, wherever either side dies. Never called for two entries at once.
   */
  readonly handle: (message: In, sequence: bigint) => Promise<void>;
  /** Called when the channel is open: the opening was sent. */
  readonly onOpen?: () => void;
  /** Ends the receiving after the entry under way. */
  readonly signal?: AbortSignal;
}

/**
 * Receives entries over one channel until it ends: strictly in order, each handled, then acknowledged. Resolves with the
 * last sequence when the sender ended the channel, or at the signal.
 * @throws FIELD_OUT_OF_RANGE when the sender left out an entry
 * @throws whatever the handler or the channel throws; the entry under way is not acknowledged then
 */
export async function receive<In, Out>(
  channel: ReceiverChannel<In, Out>,
  options: Receiving<In, Out>,
): Promise<bigint> {
  const { codec, handle, signal } = options;
  let last = options.lastSequence;
  const cancel = () => channel.cancel();
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    if (signal?.aborted) return last;
    await channel.write(codec.send({ kind: 'opening', lastSequence: last }));
    options.onOpen?.();
    for await (const message of channel) {
      if (signal?.aborted) return last;
      const sequence = codec.sequenceOf(message);
      // a receiver that has nothing begins wherever its sender's log does
      if (sequence > last + 1n && last !== 0n) throw gap(last, sequence);
      if (sequence > last) {
        await handle(message, sequence);
        last = sequence;
      }
      // one that was committed before is acknowledged again: its acknowledgement was lost
      await channel.write(codec.send({ kind: 'acknowledge', sequence: last }));
    }
    return last;
  } catch (error) {
    // a channel that we cancelled ourselves fails in whatever way it likes
    if (signal?.aborted) return last;
    throw error;
  } finally {
    signal?.removeEventListener('abort', cancel);
    channel.cancel();
  }
}

const gap = (last: bigint, sequence: bigint) =>
  invalidArgument('FIELD_OUT_OF_RANGE', `the sender left out entries: ${sequence} came after ${last}`, {
    metadata: { last: String(last), sequence: String(sequence) },
  });
