import {
  listPage,
  Records,
  SealedRecords,
  Store,
  type Aggregate,
  type AuthenticatedRecord,
  type Decision,
  type Found,
  type PageRequest,
  type RecordRef,
  type Snapshot,
  type StoredRecord,
  type Wanted,
} from '@cpns/store';
import { Injectable, Module } from '@nestjs/common';
import { LRUCache } from 'lru-cache';

/** A record as it was stored, and what was made of it. */
interface Known {
  readonly stored: StoredRecord;
  readonly record: Pick<AuthenticatedRecord<never>, 'reveal'>;
}

const placeOf = ({ kind, id }: Aggregate, { definition, name }: RecordRef): string =>
  `${kind}/${id}/${name}/${definition.name}`;

/**
 * Reads records as {@link Records.read} does, always from the store, but authenticates and parses one only when its bytes
 * are not those that were found good at this very place before: what every call looks at, such as whether a gateway still
 * may act, changes rarely. Secrets are remembered sealed, and opened anew for each that reads them, who destroys them;
 * everything else that is returned is shared and must not be changed.
 */
@Injectable()
export class RecentRecords {
  readonly #sealed: SealedRecords;
  readonly #known: LRUCache<string, Known>;

  constructor(
    private readonly store: Store,
    records: Records,
  ) {
    this.#sealed = new SealedRecords(store, records.sealer);
    this.#known = new LRUCache({ max: this.capacity() });
  }

  /** How many are remembered, which at under 2 kB each stays below 20 MB. */
  protected capacity(): number {
    return 10_000;
  }

  /** How many records are remembered. */
  get remembered(): number {
    return this.#known.size;
  }

  /** @throws CpnsError STORED_RECORD_INVALID, DEPENDENCY_UNAVAILABLE */
  async read<W extends Wanted>(aggregate: Aggregate, wanted: W): Promise<Found<W>> {
    const refs = Object.entries(wanted);
    const stored = await this.store.read(
      aggregate,
      refs.map(([, { name }]) => name),
    );
    const found = Object.create(null) as Record<string, unknown>;
    for (const [key, ref] of refs) {
      const record = stored.get(ref.name);
      if (record === undefined) continue;
      const known = this.#recall(placeOf(aggregate, ref), record) ?? (await this.#learn(aggregate, ref, record));
      found[key] = known.record.reveal();
    }
    // built from the very refs that the type is made of
    return found as Found<W>;
  }

  /** What was found good, where the same bytes are there still. */
  #recall(place: string, stored: StoredRecord): Known | undefined {
    const known = this.#known.get(place);
    const isSame = known?.stored.revision === stored.revision && known.stored.value.equals(stored.value);
    return isSame ? known : undefined;
  }

  async #learn(aggregate: Aggregate, ref: RecordRef, stored: StoredRecord): Promise<Known> {
    const record = await this.#sealed.authenticate(aggregate, ref.definition, stored, ref.name);
    const known = { stored, record };
    this.#known.set(placeOf(aggregate, ref), known);
    return known;
  }
}

/** One memory of {@link RecentRecords} for the whole process. */
@Module({ providers: [RecentRecords], exports: [RecentRecords] })
export class RecentRecordsModule {}

/** The records of one kind of aggregate, for the functions that decide on them. Errors are those of {@link Records}. */
@Injectable()
export abstract class AggregateRecords<Name> {
  protected abstract readonly kind: string;

  constructor(
    private readonly store: Store,
    protected readonly records: Records,
    private readonly recent: RecentRecords,
  ) {}

  protected abstract aggregateOf(name: Name): Aggregate;

  read<W extends Wanted>(name: Name, wanted: W): Promise<Found<W>> {
    return this.records.read(this.aggregateOf(name), wanted);
  }

  /** As {@link RecentRecords.read}. */
  readRecent<W extends Wanted>(name: Name, wanted: W): Promise<Found<W>> {
    return this.recent.read(this.aggregateOf(name), wanted);
  }

  snapshot<W extends Wanted>(name: Name, wanted: W): Promise<Snapshot<W>> {
    return this.records.snapshot(this.aggregateOf(name), wanted);
  }

  transact<W extends Wanted, R>(
    name: Name,
    wanted: W,
    decide: (found: Found<W>) => Decision<W, R>,
    seen?: Snapshot<W>,
  ): Promise<R> {
    return this.records.transact(this.aggregateOf(name), wanted, decide, seen);
  }

  /** E of those that there are, as a caller pages through them. @throws CpnsError FIELD_OUT_OF_RANGE, PAGE_TOKEN_INVALID */
  list(request: PageRequest) {
    return listPage(this.store, this.kind, request);
  }
}
