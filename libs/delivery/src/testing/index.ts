export { CHANNEL_MISUSES, HONEST_RECEIVER, speak } from './channel-misuses';
export { channelPair, type ChannelPair } from './channel-pair';
export { eventually } from '@cpns/core/testing';
export { FakeTimers, immediateTimers } from './fake-timers';
export { sendersOf, type SendersOf } from './senders';
export { acknowledging, openingAt, plainReceiver, plainSender, PROCESS_ID, type WireEntry } from './wire';
