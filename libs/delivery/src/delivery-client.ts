import { backoffAfter, duration, systemClock, systemRandom, type Backoff, type Clock, type Random } from '@cpns/core';
import type { Position } from '@cpns/store';
import type { ReceiverChannel } from './channel';
import { receive, type Receiving } from './receive';
import { pause, systemTimers, type Timers } from './timers';

/** What a client does, and what takes it from one state to the next. */
export const CLIENT_LIFE_CYCLE = {
  idle: { start: 'connecting' },
  connecting: { opened: 'connected', failed: 'waiting', ended: 'waiting', stop: 'stopped' },
  connected: { failed: 'waiting', ended: 'waiting', stop: 'stopped' },
  waiting: { retry: 'connecting', stop: 'stopped' },
  stopped: {},
} as const;
export type ClientState = keyof typeof CLIENT_LIFE_CYCLE;
type ClientEvent = 'start' | 'opened' | 'failed' | 'ended' | 'retry' | 'stop';

export interface DeliveryClientOptions<In, Out> extends Pick<
  Receiving<In, Out>,
  'codec' | 'handle' | 'staging' | 'onSenderState' | 'onCurrent'
> {
  /** Makes a call; a failure to reach the sender may come at once or from the channel later. */
  readonly open: () => ReceiverChannel<In, Out>;
  /** The last entry that is committed here, read anew for each channel; {@link BEGINNING} where there is none. */
  readonly position: () => Promise<Position>;
  /** Whether to ask for a snapshot, whatever there is; asked anew for each channel. */
  readonly resynchronise?: () => Promise<boolean>;
  /** Told of each state, for health and metrics. */
  readonly onState?: (state: ClientState) => void;
  /** Told of each failure, and how long the next attempt waits, for the log. */
  readonly onFailure?: (error: unknown, retryIn: number) => void;
  /** The first and the longest wait between attempts, in milliseconds; 100 and 10,000 unless said. */
  readonly backoff?: Backoff;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly timers?: Timers;
}

const BACKOFF = { first: 100, longest: duration(10, 'second') };

/**
 * Keeps a channel to a sender open for as long as it runs: reopens it after every end, and resumes at what is committed.
 * Waits double from attempt to attempt, each somewhere between half of it and all of it, so that the receivers of a
 * restarted sender do not come back all at once. An entry handled, or a channel that lasted, starts them anew.
 */
export class DeliveryClient<In, Out> {
  #state: ClientState = 'idle';
  #attempts = 0;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #timers: Timers;
  readonly #backoff: Backoff;
  readonly #processId: Buffer;

  constructor(private readonly options: DeliveryClientOptions<In, Out>) {
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    this.#timers = options.timers ?? systemTimers;
    this.#backoff = options.backoff ?? BACKOFF;
    this.#processId = this.#random.bytes(16);
  }

  get state(): ClientState {
    return this.#state;
  }

  /** True while the opening of a channel was sent and it has not ended. */
  get connected(): boolean {
    return this.#state === 'connected';
  }

  /** Runs until the signal aborts; resolves when the entry under way was handled. Never rejects. Runs once. */
  async run(signal: AbortSignal): Promise<void> {
    this.#on('start');
    while (!signal.aborted) {
      const failure = await this.#once(signal);
      if (signal.aborted) break;
      const wait = backoffAfter(this.#backoff, ++this.#attempts, this.#random);
      this.#on(failure ? 'failed' : 'ended');
      if (failure) this.options.onFailure?.(failure.error, wait);
      await pause(this.#timers, wait, signal);
      if (!signal.aborted) this.#on('retry');
    }
    this.#on('stop');
  }

  /** One channel from its beginning to its end. */
  async #once(signal: AbortSignal): Promise<{ error: unknown } | undefined> {
    const { open, codec, handle, staging, onSenderState, onCurrent, resynchronise } = this.options;
    const began = this.#clock.now();
    try {
      const position = await this.options.position();
      const asks = (await resynchronise?.()) ?? false;
      await receive(open(), {
        codec,
        opening: { position, processId: this.#processId, resynchronise: asks },
        signal,
        clock: this.#clock,
        timers: this.#timers,
        ...(staging && { staging }),
        ...(onSenderState && { onSenderState }),
        ...(onCurrent && { onCurrent }),
        onOpen: () => this.#on('opened'),
        handle: async (...entry) => {
          await handle(...entry);
          this.#attempts = 0;
        },
      });
      return undefined;
    } catch (error) {
      return { error };
    } finally {
      if (this.#clock.now() - began >= this.#backoff.longest) this.#attempts = 0;
    }
  }

  #on(event: ClientEvent): void {
    const transitions: Partial<Record<ClientEvent, ClientState>> = CLIENT_LIFE_CYCLE[this.#state];
    const next = transitions[event];
    if (next === undefined) throw new Error(`a delivery client that is ${this.#state} cannot ${event}`);
    this.#state = next;
    this.options.onState?.(next);
  }
}
