/**
 * Reads records, and changes them by deciding on what was read: the one way in which a service's state moves. A decision
 * names what it puts, and is made again on fresh records when another writer was faster, so that it must have no effect
 * besides its answer.
 */
import { CpnsError } from '@cpns/core';
import type { Sealer } from '@cpns/sealing';
import type { Aggregate, Append, Expectation, SetChange, Store, StoredRecord, Trim } from '@cpns/store';
import { decodeRecord, encodeRecord } from './codec';
import type { RecordRef } from './record';

/** Records by the names that the caller's code has for them. */
export type Wanted = Readonly<Record<string, RecordRef<unknown>>>;

export type Found<W> = { readonly [K in keyof W]: W[K] extends RecordRef<infer T> ? T | undefined : never };

/** A value that is absent for everybody from a time on. */
export class Expiring<T> {
  constructor(
    readonly value: T,
    /** Unix milliseconds. */
    readonly at: number,
  ) {}
}

export const expiring = <T>(value: T, at: number): Expiring<T> => new Expiring(value, at);

/** `null` deletes. */
export type Puts<W> = { readonly [K in keyof W]?: W[K] extends RecordRef<infer T> ? T | Expiring<T> | null : never };

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

export class SealedRecords {
  constructor(
    private readonly store: Store,
    readonly sealer: Sealer,
  ) {}

  /** @throws CpnsError STORED_RECORD_INVALID, DEPENDENCY_UNAVAILABLE */
  async read<W extends Wanted>(aggregate: Aggregate, wanted: W): Promise<Found<W>> {
    return (await this.load(aggregate, wanted)).found;
  }

  /**
   * Reads, decides, commits. Every record read is expected to be as it was read.
   * @throws CpnsError what `decide` throws; CONFLICT when others are always faster; STORED_RECORD_INVALID, DEPENDENCY_UNAVAILABLE
   */
  async transact<W extends Wanted, R>(
    aggregate: Aggregate,
    wanted: W,
    decide: (found: Found<W>) => Decision<W, R> | Promise<Decision<W, R>>,
  ): Promise<R> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const { found, stored } = await this.load(aggregate, wanted);
      const decision = await decide(found);
      if (changesNothing(decision)) return decision.result;
      if (await this.commit(aggregate, wanted, stored, decision)) return decision.result;
      await new Promise((resolve) => setTimeout(resolve, Math.random() * BACKOFF_MS * (attempt + 1)));
    }
    throw new CpnsError('CONFLICT', 'too many calls change the same thing: try again');
  }

  /** Appends to logs of an aggregate. @returns the sequence of each entry */
  async append(aggregate: Aggregate, entries: readonly Append[]): Promise<readonly bigint[]> {
    const result = await this.store.commit(aggregate, { append: entries });
    if (!result.ok) throw new CpnsError('INTERNAL', 'an append cannot conflict');
    return result.sequences;
  }

  private async load<W extends Wanted>(aggregate: Aggregate, wanted: W) {
    const refs = Object.entries(wanted);
    const stored = await this.store.read(aggregate, refs.map(([, { name }]) => name));
    const found: Record<string, unknown> = {};
    for (const [key, ref] of refs) {
      const record = stored.get(ref.name);
      found[key] = record && decodeRecord(this.sealer, ref.definition, { aggregate, name: ref.name, revision: record.revision }, record.value);
    }
    return { found: found as Found<W>, stored };
  }

  private async commit<W extends Wanted, R>(
    aggregate: Aggregate,
    wanted: W,
    stored: ReadonlyMap<string, StoredRecord>,
    { put = {}, addTo, removeFrom, append, trim }: Decision<W, R>,
  ): Promise<boolean> {
    const names = [...new Set(Object.values(wanted).map(({ name }) => name))];
    const expect: Expectation[] = names.map((name) => ({ name, revision: stored.get(name)?.revision ?? 'absent' }));
    const changes = Object.entries<unknown>(put).filter(([, value]) => value !== undefined);
    const puts = changes.flatMap(([key, value]) => {
      const ref = wanted[key];
      if (ref === undefined || value === null) return [];
      const revision = (stored.get(ref.name)?.revision ?? 0n) + 1n;
      const plain = value instanceof Expiring ? (value.value as unknown) : value;
      const encoded = encodeRecord(this.sealer, ref.definition, { aggregate, name: ref.name, revision }, plain);
      return [{ name: ref.name, value: encoded, ...(value instanceof Expiring && { expiresAt: value.at }) }];
    });
    const deletes = changes.flatMap(([key, value]) => (value === null && wanted[key] ? [wanted[key].name] : []));
    const result = await this.store.commit(aggregate, {
      expect,
      put: puts,
      delete: deletes.filter((name) => stored.has(name)),
      ...(addTo && { addTo }),
      ...(removeFrom && { removeFrom }),
      ...(append && { append }),
      ...(trim && { trim }),
    });
    return result.ok;
  }
}

const changesNothing = ({ put, addTo, removeFrom, append, trim }: Decision<unknown, unknown>): boolean =>
  put === undefined && addTo === undefined && removeFrom === undefined && append === undefined && trim === undefined;
