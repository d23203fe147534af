import type { Clock } from '@cpns/core';
import { Cluster } from 'ioredis';
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
  newRevisions,
  STORE_LIMITS,
  type CheckedCommit,
} from '../limits';
import { toPage } from '../page';
import type { Aggregate, Commit, CommitResult, LogEntry, LogPage, Page, Store, StoredRecord } from '../port';
import { storeUnavailable } from '../unavailable';
import {
  failureOf,
  firstConnection,
  makeClient,
  parseRedisUrl,
  TIMES,
  within,
  type ParsedRedisUrl,
} from './connection';
import { decodeRecord, encodeCommit } from './encode-commit';
import { RedisKeys } from './keys';
import { ReadBatches } from './read-batches';
import { Script, texts, type RedisClient } from './script';
import { RedisWakeUps } from './wake-ups';

export interface RedisStoreOptions {
  readonly clock: Clock;
  /** Told of each failure of a connection, for the log; the store goes on by itself. The error holds no password. */
  readonly onError?: (error: Error) => void;
}

interface Settings extends Omit<ParsedRedisUrl, 'target'> {
  /** Whether one command may ask for records of several aggregates: not in a cluster, where each has a slot of its own. */
  readonly slots: 'one' | 'many';
}

const scripts = {
  commit: new Script('commit'),
  readLog: new Script('read-log-2'),
  index: new Script('index-2'),
  unindex: new Script('unindex-2'),
};

/** How long Redis keeps what has expired, in ms: clocks of replicas differ, and a nonce must not be forgotten early. */
const GRACE = 60_000;
const NONE = Buffer.alloc(0);
/** How long an aggregate has to have been empty before it leaves its index, in ms: far longer than a commit takes. */
const EMPTY_FOR = 60_000;

/**
 * The Store in Redis 7: for the Server side, with any number of replicas of each service. A commit is as durable as the
 * server is configured to be (`appendfsync`), and with `?replicas=N` is answered only when N replicas have it.
 * Works with a single server, Sentinel and Cluster; see `openStore` for the URLs.
 */
export class RedisStore implements Store {
  readonly #client: RedisClient;
  readonly #wakeUps: RedisWakeUps;
  readonly #reads: ReadBatches;
  readonly #closing = new AbortController();

  /**
   * Resolves also when Redis is away: the store connects when it is back, and `ping` says so.
   * @throws CONFIGURATION_INVALID for a URL of no known form
   */
  static async open(url: string, options: RedisStoreOptions): Promise<RedisStore> {
    const { target, ...parsed } = parseRedisUrl(url);
    const settings: Settings = { ...parsed, slots: target.kind === 'cluster' ? 'many' : 'one' };
    const onError = options.onError ?? (() => undefined);
    const make = () => makeClient(target, onError);
    const client = make();
    await firstConnection(client, onError);
    return new RedisStore(client, make, options.clock, settings, onError);
  }

  readonly keys: RedisKeys;

  private constructor(
    client: RedisClient,
    make: () => RedisClient,
    /** The clock that expiry is judged by. */
    readonly clock: Clock,
    private readonly settings: Settings,
    onError: (error: Error) => void,
  ) {
    this.#client = client;
    this.#wakeUps = new RedisWakeUps(make, onError);
    this.keys = new RedisKeys(settings.prefix);
    this.#reads = new ReadBatches((keys) => this.use((each) => each.mgetBuffer([...keys])));
  }

  async read(aggregate: Aggregate, names: readonly string[]): Promise<Map<string, StoredRecord>> {
    checkAggregate(aggregate);
    checkNames(names);
    const found = new Map<string, StoredRecord>();
    if (names.length === 0) return found;
    const stored = await this.#reads.read(
      this.settings.slots === 'many' ? `${aggregate.kind}/${aggregate.id}` : '',
      names.map((name) => this.keys.record(aggregate, name)),
    );
    const now = this.clock.now();
    names.forEach((name, index) => {
      const bytes = stored[index];
      if (!bytes) return;
      const { revision, expiresAt, value } = decodeRecord(bytes);
      if (expiresAt === undefined || now < expiresAt) found.set(name, { revision, value: Buffer.from(value) });
    });
    return found;
  }

  async members(aggregate: Aggregate, set: string, cursor: string | undefined, limit: number): Promise<Page> {
    checkAggregate(aggregate);
    checkName(set);
    checkCursor(cursor);
    checkLimit(limit);
    const key = this.keys.set(aggregate, set);
    return toPage(
      await this.use((client) => client.zrangebylex(key, startAfter(cursor), '+', 'LIMIT', 0, limit + 1)),
      limit,
    );
  }

  async isMember(aggregate: Aggregate, set: string, member: string): Promise<boolean> {
    checkAggregate(aggregate);
    checkName(set);
    checkMember(member);
    return (await this.use((client) => client.zscore(this.keys.set(aggregate, set), member))) !== null;
  }

  async readLog(aggregate: Aggregate, log: string, after: bigint, limit: number): Promise<LogPage> {
    checkAggregate(aggregate);
    checkName(log);
    checkSequence(after);
    checkLimit(limit);
    const keys = [this.keys.stream(aggregate, log), this.keys.state(aggregate, log)];
    const args = [String(after), limit, STORE_LIMITS.commitBytes];
    const page = texts(await this.use((client) => scripts.readLog.run(client, keys, args)));
    const [last, trimmedTo, lastId = NONE, afterId = NONE, ...rest] = page;
    const entries: LogEntry[] = [];
    for (let at = 0; at + 3 < rest.length; at += 4) {
      const [sequence, dedupeId, value, entryId] = rest.slice(at, at + 4);
      if (sequence && dedupeId && value && entryId)
        entries.push({ sequence: BigInt(sequence.toString()), dedupeId: dedupeId.toString(), value, entryId });
    }
    return { entries, trimmedTo: BigInt(String(trimmedTo)), last: BigInt(String(last)), lastId, afterId };
  }

  async watch(aggregate: Aggregate, log: string, wake: () => void, signal: AbortSignal): Promise<void> {
    checkAggregate(aggregate);
    checkName(log);
    if (this.#closing.signal.aborted) throw storeUnavailable();
    const channel = this.keys.channel(this.settings.database, aggregate, log);
    await this.#wakeUps.listen(channel, wake, AbortSignal.any([signal, this.#closing.signal]));
  }

  async list(kind: string, cursor: string | undefined, limit: number): Promise<Page> {
    checkKind(kind);
    checkCursor(cursor);
    checkLimit(limit);
    const ids = await this.use((client) =>
      client.zrangebylex(this.keys.ids(kind), startAfter(cursor), '+', 'LIMIT', 0, limit + 1),
    );
    const { items, next } = toPage(ids, limit);
    const now = this.clock.now();
    const held = await Promise.all(items.map((id) => this.#holdsAnything({ kind, id }, now)));
    const empty = items.filter((_, index) => !held[index]);
    if (empty.length > 0) {
      const args = [now, EMPTY_FOR, ...empty];
      await this.use((client) => scripts.unindex.run(client, [this.keys.ids(kind), this.keys.empty(kind)], args));
    }
    const live = items.filter((_, index) => held[index]);
    return next === undefined ? { items: live } : { items: live, next };
  }

  async commit(aggregate: Aggregate, commit: Commit): Promise<CommitResult> {
    const checked = checkCommit(aggregate, commit);
    if (mayMake(checked)) {
      const keys = [this.keys.ids(aggregate.kind), this.keys.empty(aggregate.kind)];
      await this.use((client) => scripts.index.run(client, keys, [aggregate.id]));
    }
    const times = { now: this.clock.now(), grace: GRACE };
    const { keys, args } = encodeCommit(this.keys, this.settings.database, aggregate, checked, times);
    const [outcome, ...rest] = texts(await this.use((client) => scripts.commit.run(client, keys, args)));
    if (outcome?.toString() === 'conflict') return { ok: false, conflict: String(rest[0]) };
    await this.#replicated();
    return {
      ok: true,
      revisions: newRevisions(checked),
      sequences: rest.filter((_, index) => index % 2 === 0).map((each) => BigInt(each.toString())),
      entryIds: rest.filter((_, index) => index % 2 === 1),
    };
  }

  async incarnation(): Promise<string> {
    const nodes = await this.use((client) =>
      Promise.all(
        (client instanceof Cluster ? client.nodes('master') : [client]).map((node) => node.info('everything')),
      ),
    );
    return nodes.map(runOf).sort().join(' ');
  }

  async ping(): Promise<void> {
    await this.use((client) => client.ping(), TIMES.ping);
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#wakeUps.close();
    this.#client.disconnect();
    await Promise.resolve();
  }

  /**
   * Runs a command with the store's time limit and its one kind of failure. For the inspection of a store in tests and
   * backups; services use the port.
   */
  async use<T>(command: (client: RedisClient) => Promise<T>, milliseconds: number = TIMES.method): Promise<T> {
    if (this.#closing.signal.aborted) throw storeUnavailable();
    try {
      return await within(milliseconds, command(this.#client));
    } catch (cause) {
      throw failureOf(cause);
    }
  }

  async #holdsAnything(aggregate: Aggregate, now: number): Promise<boolean> {
    return (await this.use((client) => client.zcount(this.keys.inventory(aggregate), `(${now}`, '+inf'))) > 0;
  }

  /** WAIT counts what this connection wrote before it; the commit was sent on the same one. */
  async #replicated(): Promise<void> {
    const { replicas, replicasWithin } = this.settings;
    if (replicas === 0) return;
    const have = Number(await this.use((client) => client.call('WAIT', [replicas, replicasWithin])));
    if (have < replicas)
      throw storeUnavailable(new Error(`${have} of ${replicas} replicas had the commit within ${replicasWithin} ms`));
  }
}

/**
 * Whether a commit could be the first of its aggregate, which then has to be in the index. Where a revision is expected
 * the aggregate is there already, or the commit is a conflict.
 */
function mayMake({ put, addTo, append, expected }: CheckedCommit): boolean {
  const writes = put.length + addTo.length + append.length > 0;
  return writes && ![...expected.values()].some((revision) => revision !== 'absent');
}

/** The run of a server and the replication that it is the master of, from its own description. */
function runOf(info: string): string {
  const [run, replication] = ['run_id', 'master_replid'].map(
    (name) => new RegExp(`^${name}:(\\w+)`, 'm').exec(info)?.[1],
  );
  if (run === undefined || replication === undefined) throw new TypeError('a Redis did not name its run');
  return `${run}.${replication}`;
}

const startAfter = (cursor: string | undefined): string => (cursor === undefined ? '-' : `(${cursor}`);
