import { CpnsError, systemClock } from '@cpns/core';
import type { Records, Store } from '@cpns/store';
import type { SenderChannel } from './channel';
import { ClaimedLog } from './claimed-log';
import type { DeliveryLog } from './delivery-log';
import { superseded } from './errors';
import { Delivery } from './sender';
import type { Receiver, SenderCodec, SenderOptions } from './sender-codec';
import { systemTimers } from './timers';

export interface PeerSendersOptions<In, Out>
  extends
    Partial<Pick<SenderOptions, 'window' | 'pollEvery' | 'timers' | 'clock'>>,
    Pick<SenderOptions, 'onLoss' | 'onSnapshot'> {
  readonly records: Records;
  readonly store: Pick<Store, 'incarnation'>;
  /** The one log of a receiver. */
  readonly logOf: (uri: string) => DeliveryLog;
  /** Names the present life of a receiver: a log of an earlier one says nothing about this. */
  readonly lifeOf: (receiver: Receiver) => Promise<string>;
  readonly codec: SenderCodec<In, Out>;
}

const WINDOW = 64;
const POLL_EVERY = 2_000;

/** Drives the channels of one kind of log, for each log the one that claimed it. */
export class PeerSenders<In, Out> {
  readonly #open = new Set<Delivery<In, Out>>();
  readonly #options: SenderOptions;
  #stopped = false;

  constructor(private readonly options: PeerSendersOptions<In, Out>) {
    const { window = WINDOW, pollEvery = POLL_EVERY, timers = systemTimers, clock = systemClock, store } = options;
    if (!Number.isInteger(window) || window < 1 || window > 1_000)
      throw new RangeError('a window is 1 to 1,000 entries');
    const { onLoss, onSnapshot } = options;
    const incarnation = () => store.incarnation();
    this.#options = { window, pollEvery, timers, clock, incarnation, onLoss, onSnapshot };
  }

  /** Channels that are open, or wait for their log. */
  get size(): number {
    return this.#open.size;
  }

  /**
   * Sends a log's entries over a channel until it ends. Resolves when the receiver ended it; rejects with what ended it
   * otherwise, which the caller lets end the call.
   * @throws FIELD_OUT_OF_RANGE when the receiver acknowledges what it was never sent
   * @throws MALFORMED_MESSAGE when its messages come in another order than opening, acknowledgements and signs of life
   * @throws SUPERSEDED when a newer channel took over; ALREADY_CONNECTED, RESYNCHRONISING, SHUTTING_DOWN
   */
  async serve(receiver: Receiver, channel: SenderChannel<In, Out>): Promise<void> {
    if (this.#stopped) throw stopping();
    const { records, logOf, lifeOf, codec } = this.options;
    const log = new ClaimedLog(records, logOf(receiver.uri), this.#options.clock);
    const life = () => lifeOf(receiver);
    const delivery = new Delivery(log, receiver, life, channel, codec, this.#options);
    this.#open.add(delivery);
    try {
      await delivery.run(() => {
        for (const each of this.#open)
          if (each !== delivery && each.hasLog && each.receiver.uri === receiver.uri) each.end(superseded());
      });
    } finally {
      this.#open.delete(delivery);
    }
  }

  /** Ends all channels: the receivers come back to a replica that answers then. */
  stop(): void {
    this.#stopped = true;
    for (const each of this.#open) each.end(stopping());
  }
}

const stopping = () => new CpnsError('SHUTTING_DOWN', 'the service is stopping; call another instance or try again');
