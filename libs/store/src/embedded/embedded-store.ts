import { access, mkdir, open as openFile, realpath } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { CpnsError, type Clock } from '@cpns/core';
import { open, type RootDatabase } from 'lmdb';
import {
  checkAggregate,
  checkCommit,
  checkCursor,
  checkKind,
  checkLimit,
  checkMember,
  checkName,
  checkNames,
  checkSequence,
  STORE_LIMITS,
} from '../limits';
import { toPage } from '../page';
import type { Aggregate, Commit, CommitResult, LogEntry, LogPage, Page, Store, StoredRecord } from '../port';
import { storeUnavailable } from '../unavailable';
import { applyCommit, entryIdAt, nameDirectory, readLive, readRecord, sweep } from './apply';
import * as keys from './keys';
import { takeOwnership } from './ownership';
import { WakeUps } from './wake-ups';

export interface EmbeddedStoreOptions {
  readonly clock: Clock;
  /** How often expired records are removed while nothing is committed, in milliseconds; a minute unless said. */
  readonly sweepEvery?: number;
  /** Told of a sweep that failed, for the log. */
  readonly onError?: (error: Error) => void;
}

const DATA_FILE = 'data.mdb';
/** Of the first page: LMDB's mark, little-endian, after the page's header. */
const MAGIC = Buffer.from('dec0efbe', 'hex');
const MAGIC_OFFSET = 24;

const SWEEP_EVERY = 60_000;
const SWEPT_AT_ONCE = 1_000;
/** Expired records removed with a commit, and how often, in milliseconds; the rest is left to later ones and the timer. */
const SWEPT_WITH_COMMIT = 32;
const SWEEP_WITH_COMMIT_EVERY = 100;

type Root = RootDatabase<Buffer, Buffer>;

/**
 * The Store in a directory of this machine, on LMDB: what a PN GW uses in production. Durable means that the pages were
 * flushed to disk (fdatasync) before a commit resolves; commits of one moment share a flush. One process owns the directory;
 * it may open it several times.
 */
export class EmbeddedStore implements Store {
  readonly #db: Root;
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #wakeUps: WakeUps;
  readonly #closing = new AbortController();
  readonly #sweeper: NodeJS.Timeout;
  #sweptWithCommitAt = 0;

  /**
   * @param directory made with mode 0700 when it is not there
   * @throws DEPENDENCY_UNAVAILABLE when it cannot be opened, or another process has it
   */
  static async open(directory: string, options: EmbeddedStoreOptions): Promise<EmbeddedStore> {
    let disown: (() => Promise<void>) | undefined;
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const real = await realpath(directory);
      disown = await takeOwnership(real);
      await refuseForeignFile(joinPath(real, DATA_FILE));
      // without overlapping sync a transaction resolves only when it is flushed; see "durable" above
      const db: Root = open(real, {
        noSubdir: false,
        overlappingSync: false,
        keyEncoding: 'binary',
        encoding: 'binary',
        cache: false,
      });
      return new EmbeddedStore(db, real, disown, options);
    } catch (cause) {
      await disown?.();
      throw cause instanceof CpnsError ? cause : storeUnavailable(cause);
    }
  }

  private constructor(
    db: Root,
    directory: string,
    private readonly disown: () => Promise<void>,
    options: EmbeddedStoreOptions,
  ) {
    const { clock, sweepEvery = SWEEP_EVERY, onError = () => undefined } = options;
    this.#db = db;
    this.#directory = directory;
    this.#clock = clock;
    this.#wakeUps = WakeUps.of(directory);
    // a sweep that fails is repeated by the next one and by every commit; what has expired is absent regardless
    this.#sweeper = setInterval(() => void this.sweep().catch(onError), sweepEvery).unref();
  }

  async read(aggregate: Aggregate, names: readonly string[]): Promise<Map<string, StoredRecord>> {
    checkAggregate(aggregate);
    checkNames(names);
    const now = this.#clock.now();
    return this.#look((db) => {
      const found = new Map<string, StoredRecord>();
      for (const name of names) {
        const record = readLive(db, keys.recordKey(aggregate, name), now);
        if (record) found.set(name, { revision: record.revision, value: Buffer.from(record.value) });
      }
      return found;
    });
  }

  async members(aggregate: Aggregate, set: string, cursor: string | undefined, limit: number): Promise<Page> {
    checkAggregate(aggregate);
    checkName(set);
    checkCursor(cursor);
    checkLimit(limit);
    return this.#look((db) => {
      const range = { ...keys.memberRange(aggregate, set, cursor), limit: limit + 1 };
      return toPage(
        [...db.getKeys(range)].map((key) => keys.parseKey(key).rest),
        limit,
      );
    });
  }

  async isMember(aggregate: Aggregate, set: string, member: string): Promise<boolean> {
    checkAggregate(aggregate);
    checkName(set);
    checkMember(member);
    return this.#look((db) => db.doesExist(keys.memberKey(aggregate, set, member)));
  }

  async readLog(aggregate: Aggregate, log: string, after: bigint, limit: number): Promise<LogPage> {
    checkAggregate(aggregate);
    checkName(log);
    checkSequence(after);
    checkLimit(limit);
    return this.#look((db) => {
      const { last, trimmedTo } = keys.decodeLogState(db.getBinary(keys.logKey(aggregate, log)));
      const [lastId, afterId] = [last, after].map((each) => entryIdAt(db, aggregate, log, each)) as [Buffer, Buffer];
      const entries: LogEntry[] = [];
      let size = 0;
      if (after >= last) return { entries, trimmedTo, last, lastId, afterId };
      for (const { key, value } of db.getRange({ ...keys.entryRange(aggregate, log, after + 1n, last), limit })) {
        size += value.length;
        if (size > STORE_LIMITS.commitBytes && entries.length > 0) break;
        entries.push(keys.decodeEntry(key.readBigUInt64BE(key.length - 8), value));
      }
      return { entries, trimmedTo, last, lastId, afterId };
    });
  }

  async watch(aggregate: Aggregate, log: string, wake: () => void, signal: AbortSignal): Promise<void> {
    checkAggregate(aggregate);
    checkName(log);
    await this.#look(() => {
      const until = AbortSignal.any([signal, this.#closing.signal]);
      this.#wakeUps.listen(topicOf(aggregate, log), wake, until);
    });
  }

  async list(kind: string, cursor: string | undefined, limit: number): Promise<Page> {
    checkKind(kind);
    checkCursor(cursor);
    checkLimit(limit);
    const now = this.#clock.now();
    return this.#look((db) => {
      const items: string[] = [];
      let after = cursor;
      while (items.length <= limit) {
        // one seek per aggregate: the next key beyond everything of the last one
        const [key] = db.getKeys({ ...keys.kindRange(kind, after), limit: 1 });
        if (!key) break;
        const { id } = keys.parseKey(key);
        if (holdsAnything(db, { kind, id }, now)) items.push(id);
        after = id;
      }
      return toPage(items, limit);
    });
  }

  async commit(aggregate: Aggregate, commit: Commit): Promise<CommitResult> {
    const checked = checkCommit(aggregate, commit);
    const result = await this.#change((db) => {
      const now = this.#clock.now();
      const applied = applyCommit(db, aggregate, checked, now);
      if (applied.ok) this.#sweepWithCommit(db, now);
      return applied;
    });
    if (result.ok)
      for (const log of new Set(checked.append.map((each) => each.log))) this.#wakeUps.wake(topicOf(aggregate, log));
    return result;
  }

  async incarnation(): Promise<string> {
    return this.#change((db) => nameDirectory(db).toString('hex'));
  }

  async ping(): Promise<void> {
    try {
      // an unlinked file goes on working until the process ends, and then everything is lost
      await access(joinPath(this.#directory, DATA_FILE));
    } catch (cause) {
      throw storeUnavailable(cause);
    }
    await this.#look((db) => readRecord(db, keys.recordKey({ kind: 'ping', id: 'ping' }, 'ping')));
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    clearInterval(this.#sweeper);
    await this.#db.close();
    await this.disown();
  }

  /** Removes what has expired from the disk; returns how many records. Also done by itself from time to time. */
  async sweep(): Promise<number> {
    let total = 0;
    for (let swept = SWEPT_AT_ONCE; swept === SWEPT_AT_ONCE; total += swept)
      swept = await this.#change((db) => sweep(db, this.#clock.now(), SWEPT_AT_ONCE));
    return total;
  }

  #sweepWithCommit(db: Root, now: number): void {
    if (now - this.#sweptWithCommitAt < SWEEP_WITH_COMMIT_EVERY) return;
    this.#sweptWithCommitAt = now;
    sweep(db, now, SWEPT_WITH_COMMIT);
  }

  /** Every key and value as LMDB holds them, in order of keys: for backups, and for tests that look for secrets. */
  async entries(): Promise<{ key: Buffer; value: Buffer }[]> {
    return this.#look((db) =>
      [...db.getRange({ start: Buffer.from([0]) })].map(({ key, value }) => ({
        key: Buffer.from(key),
        value: Buffer.from(value),
      })),
    );
  }

  /** The clock that expiry is judged by. */
  get clock(): Clock {
    return this.#clock;
  }

  /** Reads as of one moment: LMDB's snapshot lasts as long as one synchronous stretch does. */
  #look<T>(reading: (db: Root) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#closing.signal.aborted) return reject(storeUnavailable());
      try {
        this.#db.resetReadTxn();
        resolve(reading(this.#db));
      } catch (cause) {
        reject(storeUnavailable(cause));
      }
    });
  }

  /** A child transaction is undone when its callback throws; its parent is shared, and so is the flush. */
  async #change<T>(changing: (db: Root) => T): Promise<T> {
    if (this.#closing.signal.aborted) throw storeUnavailable();
    try {
      return await this.#db.childTransaction(() => changing(this.#db));
    } catch (cause) {
      throw storeUnavailable(cause);
    }
  }
}

/** The native module ends the whole process at a file that is no database, instead of saying so: tried. */
async function refuseForeignFile(path: string): Promise<void> {
  const file = await openFile(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (!file) return;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAGIC_OFFSET + MAGIC.length), 0, undefined, 0);
    // an empty file is what a crash right after its making leaves; LMDB begins it anew
    if (bytesRead > 0 && !buffer.subarray(MAGIC_OFFSET, bytesRead).equals(MAGIC))
      throw new Error('data.mdb is no LMDB file');
  } finally {
    await file.close();
  }
}

const topicOf = ({ kind, id }: Aggregate, log: string): string => `${kind}/${id}/${log}`;

function holdsAnything(db: Root, aggregate: Aggregate, now: number): boolean {
  for (const { key, value } of db.getRange(keys.aggregateRange(aggregate))) {
    if (keys.parseKey(key).type !== 'r' || keys.isLive(keys.decodeRecord(value), now)) return true;
  }
  return false;
}
