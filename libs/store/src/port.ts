/**
 * The Store port: what a service may ask of its store, whichever store it is. Rules stay in TypeScript; an adapter only
 * reads, and commits what was decided on. See `EmbeddedStore` and `RedisStore` for the two adapters, and
 * the specs in `contract/`, which say what each line below means.
 */

/**
 * The unit of atomicity: whatever must change together lives in one aggregate. In Redis it is one hash tag, so that a
 * commit works in a cluster.
 */
export interface Aggregate {
  /** What it is, `[a-z0-9-]{1,64}`: `admission`, `first-seed`, `service-group`. {@link Store.list} goes by kind. */
  readonly kind: string;
  /** Which one: 1 to 512 printable ASCII characters without `{` and `}`. A whole E fits. */
  readonly id: string;
}

/** A record as it was read. */
export interface StoredRecord {
  /** 1 when the record was put where there was none, one more at each later put. */
  readonly revision: bigint;
  readonly value: Buffer;
}

/** What a committer saw of a record: its revision, or that there was none (or that it had expired, which is the same). */
export interface Expectation {
  /** Record name: 1 to 256 printable ASCII characters without `/`, `{` and `}`. */
  readonly name: string;
  readonly revision: bigint | 'absent';
}

export interface Put {
  /** Has to be among the commit's expectations. */
  readonly name: string;
  /** At most 1 MiB. */
  readonly value: Uint8Array;
  /** Unix milliseconds. From that time on the record is absent for everybody; it is removed some time later. */
  readonly expiresAt?: number;
}

export interface SetChange {
  /** Name of the set within the aggregate: like a record name. */
  readonly set: string;
  /** 1 to 512 printable ASCII characters without `{` and `}`. A whole `E?user=…` fits. */
  readonly member: string;
}

export interface Append {
  /** Name of the log within the aggregate: like a record name. */
  readonly log: string;
  /**
   * 1 to 512 printable ASCII characters without `{` and `}`: says which entry this is. While an entry with this id is in
   * the log, appending it again changes nothing and answers with the earlier sequence. Trimming an entry forgets its id.
   */
  readonly dedupeId: string;
  /** At most 1 MiB. */
  readonly value: Uint8Array;
}

export interface Trim {
  readonly log: string;
  /** Entries up to and including this sequence are removed; clamped to the last one given, never below an earlier trim. */
  readonly upTo: bigint;
  /**
   * 16 bytes: which entry the committer knows at `upTo`. Where another is there, or was trimmed there, or none is, the
   * commit is a conflict: the log lost entries, or another trimmed it further. Compared before the commit's own appends.
   */
  readonly entryId?: Uint8Array;
}

/**
 * One atomic change of one aggregate. It is applied in the order of the fields here, all of it or nothing. At most 6,000
 * items altogether, and 8 MiB of values.
 */
export interface Commit {
  /** What the committer saw. The first that no longer holds makes the commit a conflict. */
  readonly expect?: readonly Expectation[];
  readonly put?: readonly Put[];
  /** Record names, each among the expectations. A record put anew after a delete starts at revision 1 again. */
  readonly delete?: readonly string[];
  /** Adding a member that is there, or removing one that is not, changes nothing and is no conflict. */
  readonly addTo?: readonly SetChange[];
  readonly removeFrom?: readonly SetChange[];
  readonly append?: readonly Append[];
  readonly trim?: readonly Trim[];
}

export type CommitResult =
  | {
      readonly ok: true;
      /** The new revision of every record that was put: the expected one + 1, or 1 where `absent` was expected. */
      readonly revisions: ReadonlyMap<string, bigint>;
      /** The sequence of every append, in the order of {@link Commit.append}; the earlier one for a known dedupe id. */
      readonly sequences: readonly bigint[];
      /** The id of every append's entry, 16 bytes each, in the same order. */
      readonly entryIds: readonly Buffer[];
    }
  | {
      readonly ok: false;
      /** Name of the first record, or of the first log to be trimmed, that was not as expected. Nothing was changed. */
      readonly conflict: string;
    };

export interface LogEntry {
  /** 1, 2, 3 … per log, never given twice and without a gap. */
  readonly sequence: bigint;
  readonly dedupeId: string;
  readonly value: Buffer;
  /**
   * 16 random bytes, given at the append: an entry that took the sequence of one that the store lost has another id. One
   * from before there were ids has its sequence in 16 decimal digits.
   */
  readonly entryId: Buffer;
}

/** A place in a log. */
export type Position = Pick<LogEntry, 'sequence' | 'entryId'>;

export interface LogPage {
  /** In order of sequence. */
  readonly entries: readonly LogEntry[];
  /** Everything up to and including this sequence was trimmed; 0 when nothing was. */
  readonly trimmedTo: bigint;
  /** The last sequence given out, trimmed or not; 0 for a log that never had an entry. */
  readonly last: bigint;
  /** The id of the last entry; empty for a log that never had one. */
  readonly lastId: Buffer;
  /** The id of the entry after which was read, also if it was the last one trimmed; empty if none is there to compare. */
  readonly afterId: Buffer;
}

/** A page of names in byte order. */
export interface Page {
  readonly items: readonly string[];
  /** Where the next page starts; absent when this was the last one. */
  readonly next?: string;
}

/**
 * The generic store of a service.
 *
 * Every method rejects with `DEPENDENCY_UNAVAILABLE` within a bounded time (3 s) when the store cannot be reached, and
 * throws RangeError for a name, value, count or limit outside what is said here: callers bound their fields first, so
 * that is a programming error. **A commit that rejects may have happened**: repeat it by reading first, which the
 * revisions and the dedupe ids are for.
 */
export abstract class Store {
  /**
   * The records of those names, as of one moment. Absent and expired ones are missing from the map.
   * @param names at most 6,000
   */
  abstract read(aggregate: Aggregate, names: readonly string[]): Promise<Map<string, StoredRecord>>;

  /**
   * The members of a set, page by page in byte order. Members that stay during the paging are seen exactly once.
   * @param cursor `next` of the page before, undefined for the first
   * @param limit 1 to 1,000
   * @throws PAGE_TOKEN_INVALID for a cursor that no page can have had
   */
  abstract members(aggregate: Aggregate, set: string, cursor: string | undefined, limit: number): Promise<Page>;

  abstract isMember(aggregate: Aggregate, set: string, member: string): Promise<boolean>;

  /**
   * The entries of a log after a sequence. When `trimmedTo` is above `after`, the entries in between are gone.
   * @param after 0 for the beginning
   * @param limit 1 to 1,000; fewer entries may come so that a page stays below 8 MiB, but at least one if there is any
   */
  abstract readLog(aggregate: Aggregate, log: string, after: bigint, limit: number): Promise<LogPage>;

  /**
   * Calls `wake` soon after each commit that appended to the log, until the signal aborts. **A hint only**: wake-ups may
   * be lost, merged or superfluous, so that a waiter also looks from time to time. Resolves when the watch is set, or at
   * once when the store is away at the moment (the watch is then set by itself later, and followed by one wake-up).
   * @param wake must not throw
   */
  abstract watch(aggregate: Aggregate, log: string, wake: () => void, signal: AbortSignal): Promise<void>;

  /**
   * Ids of the aggregates of a kind that hold anything (a live record, a member, a log that ever had an entry), page by
   * page in byte order. Eventual: an aggregate made or emptied at this moment may still be missing or listed.
   * @param limit 1 to 1,000; a page may be shorter and still have a `next`
   * @throws PAGE_TOKEN_INVALID for a cursor that no page can have had
   */
  abstract list(kind: string, cursor: string | undefined, limit: number): Promise<Page>;

  /**
   * Commits a change of one aggregate; resolves when it is durable (see the adapter for what that means there).
   * @throws RangeError also when a put or delete is not among the expectations, a name comes twice among expectations,
   *   or a record is both put and deleted
   */
  abstract commit(aggregate: Aggregate, commit: Commit): Promise<CommitResult>;

  /**
   * Names what the store runs on, and is another text whenever that may have lost writes: for Redis the run and the
   * replication of each master, for an embedded store the directory in which it was made.
   */
  abstract incarnation(): Promise<string>;

  /** Resolves when the store answers; rejects with `DEPENDENCY_UNAVAILABLE` within 2 s otherwise. For health checks. */
  abstract ping(): Promise<void>;

  /** Ends watches and connections. Idempotent. What is called afterwards rejects with `DEPENDENCY_UNAVAILABLE`. */
  abstract close(): Promise<void>;
}
