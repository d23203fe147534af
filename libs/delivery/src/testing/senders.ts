import { recordsOn } from '@cpns/store/testing';
import type { Store } from '@cpns/store';
import type { ReceiverMessage } from '../channel';
import type { DeliveryLog } from '../delivery-log';
import { PeerSenders, type PeerSendersOptions } from '../peer-senders';
import { plainSender, type WireEntry } from './wire';

type Options = PeerSendersOptions<ReceiverMessage, WireEntry>;
export type SendersOf = PeerSenders<ReceiverMessage, WireEntry>;

/** Senders of one log, which every receiver shares. */
export async function sendersOf(store: Store, log: DeliveryLog, options: Partial<Options> = {}): Promise<SendersOf> {
  return new PeerSenders<ReceiverMessage, WireEntry>({
    records: await recordsOn(store),
    store,
    logOf: () => log,
    lifeOf: () => Promise.resolve('1'),
    codec: plainSender,
    onLoss: () => undefined,
    onSnapshot: () => undefined,
    ...options,
  });
}
