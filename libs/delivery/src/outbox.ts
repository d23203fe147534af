/**
 * What a commit wants carried on elsewhere, to another service or into another aggregate, is appended to a log of the very
 * aggregate that it changes, in the same commit: there is no moment at which one is done and the other is forgotten
 * (the transactional outbox). A relay carries the entries on, in order, each until it arrived. It may do so twice, after a
 * crash or beside another replica: the receiver has to be idempotent.
 */
import { backoffAfter, duration, type Backoff } from '@cpns/core';
import { type Aggregate, type Append, type LogEntry, type Store, idsOf } from '@cpns/store';
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
  readonly backoff?: Backoff;
  /** How long {@link OutboxRelay.carried} waits for an entry that fails, milliseconds; 5,000 unless said. */
  readonly patience?: number;
  readonly timers?: Timers;
}

const SWEEP_EVERY = duration(30, 'second');
const PATIENCE = duration(5, 'second');
const BACKOFF = { first: 200, longest: duration(5, 'second') };
const PAGE = 100;

/** One aggregate that is being worked on. */
interface Work {
  done: Promise<void>;
  /** Something may have been appended since the outbox was read last. */
  again: boolean;
}

/** A caller that waits for one entry. */
interface Waiter {
  readonly dedupeId: string;
  readonly carried: () => void;
  readonly failed: (error: unknown) => void;
  /** When it failed first, milliseconds of the process. */
  failingSince?: number;
}

export class OutboxRelay {
  readonly #options: Required<OutboxRelayOptions>;
  readonly #working = new Map<string, Work>();
  readonly #retries = new Map<string, { readonly cancel: () => void; attempts: number }>();
  readonly #waiters = new Map<string, Set<Waiter>>();
  #over: AbortSignal | undefined;

  constructor(options: OutboxRelayOptions) {
    this.#options = { sweepEvery: SWEEP_EVERY, backoff: BACKOFF, patience: PATIENCE, timers: systemTimers, ...options };
  }

  /** Carries on what is in the outbox of an aggregate, soon; what fails is tried again with backoff. */
  wake(aggregate: Aggregate): void {
    if (this.#over?.aborted !== true) void this.#workOn(aggregate);
  }

  /**
   * Resolves when an entry has been carried, here or by another replica.
   * @throws what carrying threw, once it has failed for the patience of the options; it is tried again all the same
   */
  async carried(aggregate: Aggregate, dedupeId: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const waiters = this.#waiters.get(aggregate.id) ?? new Set();
      this.#waiters.set(aggregate.id, waiters.add({ dedupeId, carried: resolve, failed: reject }));
      void this.#workOn(aggregate);
    });
  }

  /**
   * Resolves when everything that was in the outbox when this was called has arrived.
   * @throws what carrying an entry threw; that entry and those after it are tried again
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
    for (const { cancel } of this.#retries.values()) cancel();
    await Promise.allSettled([...this.#working.values()].map(({ done }) => done));
  }

  /** Wakes every aggregate of the kind that has something in its outbox. */
  async sweep(signal: AbortSignal): Promise<void> {
    const { store, kind } = this.#options;
    try {
      for await (const ids of idsOf(store, kind))
        for (const id of ids) {
          if (signal.aborted) return;
          const { entries } = await this.#log({ kind, id }).read(0n, 1);
          if (entries.length > 0) this.wake({ kind, id });
        }
    } catch (error) {
      this.#options.onFailure({ kind, id: '*' }, error, this.#options.sweepEvery);
    }
  }

  #workOn(aggregate: Aggregate): Work {
    this.#retries.get(aggregate.id)?.cancel();
    const working = this.#working.get(aggregate.id);
    if (working !== undefined) {
      working.again = true;
      return working;
    }
    const work: Work = { done: Promise.resolve(), again: false };
    this.#working.set(aggregate.id, work);
    work.done = this.#work(aggregate, work);
    work.done.then(
      () => this.#retries.delete(aggregate.id),
      (error: unknown) => this.#retry(aggregate, error),
    );
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
            this.#tell(aggregate, ({ dedupeId }) => dedupeId === entry.dedupeId);
            // another replica is further, or the store lost what was carried: what is there now is read again
            if (!(await log.trim(entry.sequence, entry.entryId))) break;
          }
        }
      } while (work.again);
      // of what is not in the outbox another replica has taken care
      this.#tell(aggregate, () => true);
    } finally {
      // with the last look at `again`, so that no call waits for work that has ended
      this.#working.delete(aggregate.id);
    }
  }

  #tell(aggregate: Aggregate, isMeant: (waiter: Waiter) => boolean): void {
    const waiters = this.#waiters.get(aggregate.id) ?? new Set();
    for (const waiter of [...waiters].filter(isMeant)) {
      waiters.delete(waiter);
      waiter.carried();
    }
    if (waiters.size === 0) this.#waiters.delete(aggregate.id);
  }

  #fail(aggregate: Aggregate, waiter: Waiter, error: unknown): void {
    const waiters = this.#waiters.get(aggregate.id);
    waiters?.delete(waiter);
    if (waiters?.size === 0) this.#waiters.delete(aggregate.id);
    waiter.failed(error);
  }

  #log(aggregate: Aggregate): DeliveryLog {
    return new DeliveryLog(this.#options.store, aggregate, OUTBOX);
  }

  #retry(aggregate: Aggregate, error: unknown): void {
    const isOver = this.#over?.aborted === true;
    for (const waiter of this.#waiters.get(aggregate.id) ?? []) {
      waiter.failingSince ??= performance.now();
      if (isOver || performance.now() - waiter.failingSince >= this.#options.patience)
        this.#fail(aggregate, waiter, error);
    }
    if (isOver) return;
    const { backoff, timers, onFailure } = this.#options;
    const attempts = (this.#retries.get(aggregate.id)?.attempts ?? 0) + 1;
    const retryIn = backoffAfter(backoff, attempts);
    onFailure(aggregate, error, retryIn);
    this.#retries.set(aggregate.id, { attempts, cancel: timers.after(retryIn, () => this.wake(aggregate)) });
  }
}
