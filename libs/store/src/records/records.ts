import { CpnsError } from '@cpns/core';
import { SealedRecords } from '../sealing/records';
import type { Sealer } from '../sealing/sealer';
import type { Aggregate, Append, Commit, SetChange, Store, StoredRecord, Trim } from '../port';
import { setTimeout as sleep } from 'node:timers/promises';
import { Expiring, type Found, type Puts, type RecordRef, type Wanted } from './record-ref';

/** What a use case decides on what it read. */
export interface Decision<W, R> {
  readonly result: R;
  readonly put?: Puts<W>;
  readonly addTo?: readonly SetChange[];
  readonly removeFrom?: readonly SetChange[];
  readonly append?: readonly Append[];
  readonly trim?: readonly Trim[];
}

/** Races are short; whoever loses this often meets something else. */
const ATTEMPTS_MAX = 50;
const BACKOFF_MS = 2;

/**
 * Reads records, and changes them by deciding on what was read: the one way in which a service's state moves. A decision
 * is made again on fresh records when another writer was faster, so that it has no effect besides its answer.
 */
export class Records {
  readonly #sealed: SealedRecords;

  constructor(
    private readonly store: Store,
    readonly sealer: Sealer,
  ) {
    this.#sealed = new SealedRecords(store, sealer);
  }

  /** @throws CpnsError STORED_RECORD_INVALID, DEPENDENCY_UNAVAILABLE */
  async read<W extends Wanted>(aggregate: Aggregate, wanted: W): Promise<Found<W>> {
    return (await this.#load(aggregate, wanted)).found;
  }

  /**
   * Reads, decides, commits: all or nothing, and nothing on a change of what was read.
   * @throws CpnsError what `decide` throws; CONFLICT when others are always faster; STORED_RECORD_INVALID, DEPENDENCY_UNAVAILABLE
   */
  async transact<W extends Wanted, R>(
    aggregate: Aggregate,
    wanted: W,
    decide: (found: Found<W>) => Decision<W, R> | Promise<Decision<W, R>>,
  ): Promise<R> {
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      const { found, stored } = await this.#load(aggregate, wanted);
      const { result, ...changes } = await decide(found);
      if (Object.values(changes).every((change) => change === undefined)) return result;
      const outcome = await this.store.commit(aggregate, this.#commitOf(aggregate, wanted, stored, changes));
      if (outcome.ok) return result;
      await sleep(Math.random() * BACKOFF_MS * attempt);
    }
    throw new CpnsError('CONFLICT', 'too many calls change the same thing: try again');
  }

  async #load<W extends Wanted>(aggregate: Aggregate, wanted: W) {
    const refs = Object.entries(wanted);
    const stored =
      refs.length === 0 ? new Map<string, StoredRecord>() : await this.store.read(aggregate, namesOf(wanted));
    const found: Record<string, unknown> = {};
    for (const [key, { definition, name }] of refs) {
      const record = stored.get(name);
      found[key] = record && (await this.#sealed.open(aggregate, definition, record, name)).value;
    }
    // built from the very refs that the type is made of
    return { found: found as Found<W>, stored };
  }

  #commitOf<W extends Wanted>(
    aggregate: Aggregate,
    wanted: W,
    stored: ReadonlyMap<string, StoredRecord>,
    { put = {}, ...others }: Omit<Decision<W, unknown>, 'result'>,
  ): Commit {
    const changes = Object.entries<unknown>(put).flatMap(([key, value]) => {
      const ref = wanted[key];
      return ref === undefined || value === undefined ? [] : [{ ref, value }];
    });
    return {
      ...others,
      expect: namesOf(wanted).map((name) => ({ name, revision: stored.get(name)?.revision ?? 'absent' })),
      put: changes
        .filter(({ value }) => value !== null)
        .map(({ ref, value }) => this.#put(aggregate, ref, stored, value)),
      delete: changes.filter(({ ref, value }) => value === null && stored.has(ref.name)).map(({ ref }) => ref.name),
    };
  }

  #put(
    aggregate: Aggregate,
    { definition, name }: RecordRef,
    stored: ReadonlyMap<string, StoredRecord>,
    value: unknown,
  ) {
    const seen = stored.get(name)?.revision ?? 'absent';
    // Puts<W> has made sure that the value is of this definition
    const plain = (value instanceof Expiring ? (value.value as unknown) : value) as never;
    return this.#sealed.put(aggregate, definition, seen, plain, {
      name,
      ...(value instanceof Expiring && { expiresAt: value.at }),
    }).put;
  }
}

const namesOf = (wanted: Wanted): string[] => [...new Set(Object.values(wanted).map(({ name }) => name))];
