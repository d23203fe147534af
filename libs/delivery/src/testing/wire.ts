import type { Position } from '@cpns/store';
import type { Control, ReceiverMessage } from '../channel';
import type { ReceiverCodec } from '../receive';
import type { SenderCodec } from '../sender-codec';
import { BEGINNING } from '../sender';

/** A message as the specs here send it: an entry, a message of a snapshot at {@link BEGINNING}, or what is no entry. */
export interface WireEntry extends Position {
  readonly text: string;
  readonly said?: Control;
}

/** Messages that are themselves: no encoding. */
export const plainSender: SenderCodec<ReceiverMessage, WireEntry> = {
  receive: (message) => message,
  send: (_, { sequence, entryId, value }) => ({ sequence, entryId, text: value.toString('utf8') }),
  control: (said) => ({ ...('position' in said ? said.position : BEGINNING), text: said.kind, said }),
};

export const plainReceiver: ReceiverCodec<WireEntry, ReceiverMessage> = {
  send: (message) => message,
  read: ({ sequence, entryId, text, said }) =>
    said ??
    (sequence === 0n
      ? { kind: 'staged' }
      : { kind: 'entry', position: { sequence, entryId }, more: text.endsWith('+') }),
};

export const PROCESS_ID = Buffer.alloc(16, 7);

/** An opening after so many entries, of which the last has this id. */
export const openingAt = (
  sequence: bigint,
  entryId = BEGINNING.entryId,
  processId = PROCESS_ID,
): Extract<ReceiverMessage, { kind: 'opening' }> => ({
  kind: 'opening',
  opening: { position: { sequence, entryId }, processId, resynchronise: false },
});

export const acknowledging = ({ sequence, entryId }: Position): ReceiverMessage => ({
  kind: 'acknowledge',
  position: { sequence, entryId },
});
