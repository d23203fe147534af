import type { ReceiverMessage } from '../channel';
import type { ReceiverCodec } from '../receive';
import type { SenderCodec } from '../sender';

/** An entry as the specs here send it. */
export interface WireEntry {
  readonly sequence: bigint;
  readonly text: string;
}

/** Messages that are themselves: no encoding. */
export const plainSender: SenderCodec<ReceiverMessage, WireEntry> = {
  receive: (message) => message,
  send: ({ sequence, value }) => ({ sequence, text: value.toString('utf8') }),
};

export const plainReceiver: ReceiverCodec<WireEntry, ReceiverMessage> = {
  send: (message) => message,
  sequenceOf: ({ sequence }) => sequence,
};
