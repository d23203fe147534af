/** What no receiver says on a delivery channel, and a receiver that says it. */
import type { SenderChannel } from '../channel';
import type { ReceiverWire } from '../wire';
import { channelPair } from './channel-pair';

interface Said {
  readonly message?: ReceiverWire | undefined;
}

const opening = (lastSequence: bigint): Said => ({ message: { $case: 'opening', value: { lastSequence } } });
const acknowledge = (value: bigint): Said => ({ message: { $case: 'acknowledge', value } });
const OUT_OF_RANGE = 'INVALID_ARGUMENT/FIELD_OUT_OF_RANGE';
const MALFORMED = 'INVALID_ARGUMENT/MALFORMED_MESSAGE';
const MISSING = 'INVALID_ARGUMENT/FIELD_MISSING message';

/** What is said, and `CODE/REASON` of how the channel ends; `hear` waits for an entry. The log has entry 3 of three left. */
export const CHANNEL_MISUSES: readonly (readonly [id: string, said: readonly (Said | 'hear')[], expected: string])[] = [
  ['acknowledges the entry after the last one that was sent', [opening(0n), 'hear', acknowledge(1_003n)], OUT_OF_RANGE],
  ['acknowledges entry 2^64 - 1', [opening(0n), acknowledge(2n ** 64n - 1n)], OUT_OF_RANGE],
  ['opens behind the last entry there is', [opening(1_000_000n)], OUT_OF_RANGE],
  ['opens behind the last entry there can be, 2^53', [opening(2n ** 53n)], `${OUT_OF_RANGE} last_sequence`],
  ['opens before entries that it acknowledged', [opening(1n)], OUT_OF_RANGE],
  ['acknowledges before it opens', [acknowledge(1n)], MALFORMED],
  ['opens twice in one call', [opening(0n), opening(0n)], MALFORMED],
  ['begins with an empty message', [{ message: undefined }], MISSING],
  ['goes on with an empty message', [opening(0n), { message: undefined }], MISSING],
];
/** Acknowledges two entries, and goes away. */
export const HONEST_RECEIVER: readonly (Said | 'hear')[] = [opening(0n), 'hear', 'hear', acknowledge(2n), 'hear'];

/** Speaks on a channel. Resolves or rejects as the channel ends; `over` is what the receiver does when all was said. */
export async function speak<Request extends Said, Response>(
  serve: (channel: SenderChannel<Request, Response>) => Promise<void>,
  said: readonly (Said | 'hear')[],
  over: 'waits' | 'ends' = 'waits',
): Promise<void> {
  const { sender, receiver, cut } = channelPair<Request, Response>(100);
  const served = serve(sender).finally(() => cut());
  const entries = receiver[Symbol.asyncIterator]();
  const spoken = (async () => {
    for (const one of said) await (one === 'hear' ? entries.next() : receiver.write(one as Request));
    if (over === 'ends') receiver.end();
  })();
  // where the channel ends first, that is what counts
  await Promise.all([served, spoken.catch(() => served)]);
}
