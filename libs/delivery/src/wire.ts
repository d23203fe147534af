import { invalidArgument } from '@cpns/core';
import type { ReceiverMessage } from './channel';

/** What the request of every delivery channel holds, as the contracts have it. */
export type ReceiverWire =
  | { readonly $case: 'opening'; readonly value: { readonly lastSequence: bigint } }
  | { readonly $case: 'acknowledge'; readonly value: bigint };

/** The highest sequence that a log counts to. */
const SEQUENCE_MAX = BigInt(Number.MAX_SAFE_INTEGER);

/** @throws CpnsError FIELD_MISSING for a message that is neither; FIELD_OUT_OF_RANGE for a sequence above 2^53 - 1 */
export function receiverMessage({ message }: { readonly message?: ReceiverWire | undefined }): ReceiverMessage {
  switch (message?.$case) {
    case 'opening':
      if (message.value.lastSequence > SEQUENCE_MAX)
        throw invalidArgument('FIELD_OUT_OF_RANGE', 'sequences end at 2^53 - 1', {
          metadata: { field: 'last_sequence' },
        });
      return { kind: 'opening', lastSequence: message.value.lastSequence };
    case 'acknowledge':
      return { kind: 'acknowledge', sequence: message.value };
    case undefined:
      throw invalidArgument('FIELD_MISSING', 'send an opening or an acknowledgement', {
        metadata: { field: 'message' },
      });
  }
}
