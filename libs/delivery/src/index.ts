export type { Control, Opening, ReceiverChannel, ReceiverMessage, SenderChannel } from './channel';
export { CLAIM, ClaimedLog, LOG_HEAD, WAITING_MAX } from './claimed-log';
export { DeliveryClient, type ClientState, type DeliveryClientOptions } from './delivery-client';
export { DeliveryLog } from './delivery-log';
export { OUTBOX, outboxEntry, OutboxRelay, type OutboxRelayOptions } from './outbox';
export { PeerSenders, type PeerSendersOptions } from './peer-senders';
export { receive, type EntryKind, type ReceiverCodec, type Receiving, type Staging } from './receive';
export { BEGINNING, STATE_EVERY } from './sender';
export type { Receiver, SenderCodec, Sent } from './sender-codec';
export { systemTimers, Timers } from './timers';
export { WakeSignal } from './wake-signal';
export {
  checkPosition,
  controlWire,
  received,
  receivedEntry,
  receiverMessage,
  receiverWire,
  type ControlWire,
  type OpeningWire,
  type Received,
  type ReceiverWire,
} from './wire';
