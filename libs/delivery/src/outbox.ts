/**
 * What a commit wants carried on elsewhere, to another service or into another aggregate, is appended to a log of the very
 * aggregate that it changes, in the same commit: there is no moment at which one is done and the other is forgotten
 * (the transactional outbox). A relay carries the entries on, in order, each until it arrived. It may do so twice, after a
 * crash or beside another replica: whoever receives is idempotent.
 */
import { duration } from '@cpns/core';
import type { Aggregate, Append, LogEntry, Store } from '@cpns/store';
import { DeliveryLog } from './delivery-log';
import { pause, systemTimers, type Timers } from './timers';

/** Name of the log. */
export const OUTBOX = 'outbox';

/** An entry for the outbox of the aggregate that a commit changes. */
export const outboxEntry = (dedupeId: string, value: Uint8Array): Append => ({ log: OUTBOX, dedupeId, value });

export interface OutboxRelayOptions {
  readonly store: Store;
  /** Whose aggregates have an outbox. */
  readonly kind: string;
  /** Carries an entry on; it has arrived when this resolves. Called for one entry of an aggregate at a time, in order. */
  readonly carry: (aggregate: Aggregate, entry: LogEntry) => Promise<void>;
  /** Told of each failure, and how long that aggregate waits, milliseconds. */
  readonly onFailure: (aggregate: Aggregate, error: unknown, retryIn: number) => void;
  /** How often all aggregates are looked at, for what another replica left behind; milliseconds, 30,000 unless said. */
  readonly sweepEvery?: number;
  /** The first and the longest wait after a failure, milliseconds; 200 and 5,000 unless said. */
  readonly backoff?: { readonly first: number; readonly longest: number };
  readonly timers?: Timers;
}

const SWEEP_EVERY = duration(30, 'second');
const BACKOFF = { first: 200, longest: duration(5, 'second') };
const PAGE = 100;

/** One aggregate that is being worked on. */
interface Work {
  done: Promise<void>;
  /** Something may have been appended since the outbox was read last. */
  again: boolean;
  /** Somebody sees to it that it is tried again: however many wake it, one does. */
  woken: boolean;
}

export class OutboxRelay {
  readonly #options: Required<OutboxRelayOptions>;
  readonly #working = new Map<string, Work>();
  readonly #waiting = new Map<string, { readonly cancel: () => void; attempts: number }>();
  #over: AbortSignal | undefined;

  constructor(options: OutboxRelayOptions) {
    this.#options = { sweepEvery: SWEEP_EVERY, backoff: BACKOFF, timers: systemTimers, ...options };
  }

  /** Carries on what is in the outbox of an aggregate, soon; what fails is tried again with growing pauses. */
  wake(aggregate: Aggregate): void {
    if (this.#over?.aborted === true) return;
    this.#waiting.get(aggregate.id)?.cancel();
    const work = this.#workOn(aggregate);
    if (work.woken) return;
    work.woken = true;
    work.done.then(
      () => this.#waiting.delete(aggregate.id),
      (error: unknown) => this.#retry(aggregate, error),
    );
  }

  /**
   * Resolves when everything that was in the outbox when this was called has arrived.
   * @throws whatever carrying an entry threw; that entry and those after it are still there
   */
  drain(aggregate: Aggregate): Promise<void> {
    return this.#workOn(aggregate).done;
  }

  /** Looks at all aggregates now and from time to time, until the signal aborts; resolves when none is worked on. */
  async run(signal: AbortSignal): Promise<void> {
    const { timers, sweepEvery } = this.#options;
    this.#over = signal;
    while (!signal.aborted) {
      await this.sweep(signal);
      await pause(timers, sweepEvery, signal);
    }
    for (const { cancel } of this.#waiting.values()) cancel();
    await Promise.allSettled([...this.#working.values()].map(({ done }) => done));
  }

  /** Wakes every aggregate of the kind that has something in its outbox. */
  async sweep(signal: AbortSignal): Promise<void> {
    const { store, kind } = this.#options;
    try {
      let cursor: string | undefined;
      do {
        const page = await store.list(kind, cursor, PAGE);
        for (const id of page.items) {
          if (signal.aborted) return;
          const { entries } = await this.#log({ kind, id }).read(0n, 1);
          if (entries.length > 0) this.wake({ kind, id });
        }
        cursor = page.next;
      } while (cursor !== undefined);
    } catch (error) {
      this.#options.onFailure({ kind, id: '*' }, error, this.#options.sweepEvery);
    }
  }

  #workOn(aggregate: Aggregate): Work {
    const working = this.#working.get(aggregate.id);
    if (working !== undefined) {
      working.again = true;
      return working;
    }
    const work: Work = { done: Promise.resolve(), again: false, woken: false };
    this.#working.set(aggregate.id, work);
    work.done = this.#work(aggregate, work);
    return work;
  }

  async #work(aggregate: Aggregate, work: Work): Promise<void> {
    const log = this.#log(aggregate);
    try {
      do {
        work.again = false;
        for (let page = await log.read(0n, PAGE); page.entries.length > 0; page = await log.read(0n, PAGE)) {
          for (const entry of page.entries) {
            await this.#options.carry(aggregate, entry);
            await log.trim(entry.sequence);
          }
        }
      } while (work.again);
    } finally {
      // with the last look at `again`, so that nobody waits for work that has ended
      this.#working.delete(aggregate.id);
    }
  }

  #log(aggregate: Aggregate): DeliveryLog {
    return new DeliveryLog(this.#options.store, aggregate, OUTBOX);
  }

  #retry(aggregate: Aggregate, error: unknown): void {
    if (this.#over?.aborted === true) return;
    const { backoff, timers, onFailure } = this.#options;
    const attempts = (this.#waiting.get(aggregate.id)?.attempts ?? 0) + 1;
    const retryIn = Math.min(backoff.longest, backoff.first * 2 ** Math.min(attempts - 1, 30));
    onFailure(aggregate, error, retryIn);
    this.#waiting.set(aggregate.id, { attempts, cancel: timers.after(retryIn, () => this.wake(aggregate)) });
  }
}
