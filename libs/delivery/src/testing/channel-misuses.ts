/** What no receiver says on a channel, and a receiver that says it. */
import type { Position } from '@cpns/store';
import type { SenderChannel } from '../channel';
import type { OpeningWire, ReceiverWire } from '../wire';
import { channelPair } from './channel-pair';
import { PROCESS_ID } from './wire';

/** What is said with what was heard: entries by their sequences, position 0 as well. */
type Said = (heard: (sequence: bigint) => Position) => ReceiverWire;
type Says = Said | 'hear';

const ID_BYTES = 16;
const NONE = Buffer.alloc(0);
const opening =
  (lastSequence: bigint, change: Partial<OpeningWire> = {}): Said =>
  () => {
    const lastEntryId = lastSequence === 0n ? NONE : Buffer.alloc(ID_BYTES);
    const value = { lastSequence, lastEntryId, processId: PROCESS_ID, resynchronise: false, ...change };
    return { message: { $case: 'opening', value }, entryId: NONE };
  };
const acknowledge =
  (sequence: bigint, id?: Buffer): Said =>
  (heard) => ({
    message: { $case: 'acknowledge', value: sequence },
    entryId: id ?? heard(sequence).entryId,
  });
const OUT_OF_RANGE = 'INVALID_ARGUMENT/FIELD_OUT_OF_RANGE';
const SIZE = 'INVALID_ARGUMENT/FIELD_SIZE';
const MALFORMED = 'INVALID_ARGUMENT/MALFORMED_MESSAGE';
const MISSING = 'INVALID_ARGUMENT/FIELD_MISSING';
const OTHER_ID = Buffer.alloc(ID_BYTES, 9);
const EMPTY: Said = () => ({ entryId: NONE });

/** What is said, and `CODE/REASON` of how the channel ends; `hear` waits for an entry. The log has entry 3 of three left. */
export const CHANNEL_MISUSES: readonly (readonly [id: string, said: readonly Says[], expected: string])[] = [
  ['acknowledges an entry that was not sent', [opening(0n), 'hear', acknowledge(1_003n, OTHER_ID)], OUT_OF_RANGE],
  ['acknowledges entry 2^64 - 1', [opening(0n), acknowledge(2n ** 64n - 1n, OTHER_ID)], `${OUT_OF_RANGE} acknowledge`],
  ['acknowledges by another id', [opening(0n), 'hear', acknowledge(3n, OTHER_ID)], `${OUT_OF_RANGE} entry_id`],
  ['acknowledges without an id', [opening(0n), 'hear', acknowledge(3n, NONE)], `${SIZE} entry_id`],
  ['opens behind the last entry there can be, 2^53', [opening(2n ** 53n)], `${OUT_OF_RANGE} last_sequence`],
  ['opens without an id', [opening(3n, { lastEntryId: NONE })], `${SIZE} last_entry_id`],
  ['opens without a process', [opening(0n, { processId: NONE })], `${MISSING} process_id`],
  ['opens with a process of 15 bytes', [opening(0n, { processId: OTHER_ID.subarray(1) })], `${SIZE} process_id`],
  ['acknowledges before it opens', [acknowledge(1n, OTHER_ID)], MALFORMED],
  ['opens twice in one call', [opening(0n), opening(0n)], MALFORMED],
  ['begins with an empty message', [EMPTY], `${MISSING} message`],
  ['goes on with an empty message', [opening(0n), EMPTY], `${MISSING} message`],
];
/** Acknowledges two entries, and goes away. */
export const HONEST_RECEIVER: readonly Says[] = [opening(0n), 'hear', 'hear', acknowledge(2n), 'hear'];

/** Speaks on a channel. Resolves or rejects as the channel ends; `over` is what the receiver does when all was said. */
export async function speak<Request extends ReceiverWire, Response extends Position>(
  serve: (channel: SenderChannel<Request, Response>) => Promise<void>,
  said: readonly Says[],
  over: 'waits' | 'ends' = 'waits',
): Promise<void> {
  const { sender, receiver, cut } = channelPair<Request, Response>(100);
  const served = serve(sender).finally(() => cut());
  const heard = new Map<bigint, Position>();
  const responses = receiver[Symbol.asyncIterator]();
  const hear = async () => {
    for (let next = await responses.next(); !next.done; next = await responses.next()) {
      heard.set(next.value.sequence, next.value);
      if (next.value.sequence > 0n) return;
    }
  };
  const spoken = (async () => {
    for (const one of said)
      await (one === 'hear'
        ? hear()
        : receiver.write(one((sequence) => heard.get(sequence) ?? { sequence, entryId: NONE }) as Request));
    if (over === 'ends') receiver.end();
  })();
  // where the channel ends first, that is what counts
  await Promise.all([served, spoken.catch(() => served)]);
}
