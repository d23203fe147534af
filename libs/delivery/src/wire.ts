import { invalidArgument } from '@cpns/core';
import type { ReceiverMessage } from './channel';

/** What the request of every delivery channel holds, as the contracts have it. */
export type ReceiverWire =
  | { readonly $case: 'opening'; readonly value: { readonly lastSequence: bigint } }
  | { readonly $case: 'acknowledge'; readonly value: bigint };

/** @throws CpnsError FIELD_MISSING for a message that is neither */
export function receiverMessage({ message }: { readonly message?: ReceiverWire | undefined }): ReceiverMessage {
  switch (message?.$case) {
    case 'opening':
      return { kind: 'opening', lastSequence: message.value.lastSequence };
    case 'acknowledge':
      return { kind: 'acknowledge', sequence: message.value };
    case undefined:
      throw invalidArgument('FIELD_MISSING', 'send an opening or an acknowledgement', {
        metadata: { field: 'message' },
      });
  }
}
