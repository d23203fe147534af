export type { ReceiverChannel, ReceiverMessage, SenderChannel } from './channel';
export { DeliveryClient, type ClientState, type DeliveryClientOptions } from './delivery-client';
export { DeliveryLog } from './delivery-log';
export { OUTBOX, outboxEntry, OutboxRelay, type OutboxRelayOptions } from './outbox';
export { PeerSenders, type PeerSendersOptions, type Receiver } from './peer-senders';
export { receive, type ReceiverCodec, type Receiving } from './receive';
export { DeliverySender, type SenderCodec, type SenderOptions } from './sender';
export { systemTimers, Timers } from './timers';
export { receiverMessage, type ReceiverWire } from './wire';
