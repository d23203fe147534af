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

/** What was read of an aggregate at one moment, and the revisions on which a commit of it depends. */
export interface Snapshot<W> {
  readonly found: Found<W>;
  readonly stored: ReadonlyMap<string, StoredRecord>;
}

/** The revision of a record in a snapshot; 0 where there was none. */
export const revisionOf = (
  { name }: { readonly name: string },
  { stored }: Pick<Snapshot<unknown>, 'stored'>,
): bigint => stored.get(name)?.revision ?? 0n;

/** Optimistic-lock retries before CONFLICT. */
const ATTEMPTS_MAX = 50;
const BACKOFF_MS = 2;

/** Reads records, and changes them by pure decisions on what was read: the one way in which a service's state moves. */
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
    return (await this.snapshot(aggregate, wanted)).found;
  }

  /**
   * Reads, decides, commits: all or nothing, and nothing on a change of what was read. The decision runs again on fresh
   * records after a lost race, so that it is a pure function of them, of the clock and of what was reserved before.
   * @param seen a snapshot of the same records, on which the first attempt decides
   * @throws CpnsError what `decide` throws; CONFLICT after {@link ATTEMPTS_MAX} lost races; STORED_RECORD_INVALID,
   *   DEPENDENCY_UNAVAILABLE
   */
  async transact<W extends Wanted, R>(
    aggregate: Aggregate,
    wanted: W,
    decide: (found: Found<W>) => Decision<W, R>,
    seen?: Snapshot<W>,
  ): Promise<R> {
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      const { found, stored } = attempt === 1 && seen ? seen : await this.snapshot(aggregate, wanted);
      const { result, ...changes } = decide(found);
      if (Object.values(changes).every((change) => change === undefined)) return result;
      const outcome = await this.store.commit(aggregate, this.#commitOf(aggregate, wanted, stored, changes));
      if (outcome.ok) return result;
      await sleep(Math.random() * BACKOFF_MS * attempt);
    }
    throw new CpnsError('CONFLICT', 'too many calls change the same thing: try again');
  }

  /** The records at one moment. @throws CpnsError STORED_RECORD_INVALID, DEPENDENCY_UNAVAILABLE */
  async snapshot<W extends Wanted>(aggregate: Aggregate, wanted: W): Promise<Snapshot<W>> {
    const names = namesOf(wanted);
    const stored = names.length === 0 ? new Map<string, StoredRecord>() : await this.store.read(aggregate, names);
    // names may come from outside: one that every object has is no record
    const found = Object.create(null) as Record<string, unknown>;
    for (const [key, ref] of Object.entries(wanted)) {
      const record = stored.get(ref.name);
      if (record !== undefined)
        found[key] = (await this.#sealed.open(aggregate, ref.definition, record, ref.name)).value;
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
