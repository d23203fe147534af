import { CpnsError } from '@cpns/core';
import { Cluster, Redis, type ClusterNode, type RedisOptions } from 'ioredis';
import { storeUnavailable } from '../unavailable';
import type { RedisClient } from './script';

/** Replies keep the shapes of RESP2, which the types of the client want said. */
type Options = Omit<RedisOptions, 'replyMapping'>;

/** Where the Redis of a store is. */
export type RedisTarget =
  | { readonly kind: 'single' | 'sentinel'; readonly options: Options }
  | { readonly kind: 'cluster'; readonly nodes: readonly ClusterNode[]; readonly options: Options };

export interface ParsedRedisUrl {
  readonly target: RedisTarget;
  readonly prefix: string;
  readonly database: number;
  /** Replicas that have to hold a commit before it is answered, and how long to wait for them; 0: none. */
  readonly replicas: number;
  readonly replicasWithin: number;
}

/** How long a connection attempt, its end, a command, and any method of the store may take, in milliseconds. */
export const TIMES = {
  connect: 1_500,
  disconnect: 500,
  command: 2_500,
  method: 3_000,
  ping: 1_500,
  retryAtMost: 1_000,
} as const;

/** WAIT has to end before the command's own time limit does. */
const WAIT_AT_MOST = 2_000;
const DEFAULT_PORT = { single: 6379, sentinel: 26379, cluster: 6379 } as const;
const PREFIX = /^[A-Za-z0-9:._-]{1,64}$/;

const wrong = (what: string): CpnsError =>
  new CpnsError('CONFIGURATION_INVALID', `the URL of the Redis store ${what}; see openStore for its forms`);

function nodesOf(hosts: string, defaultPort: number): { host: string; port: number }[] {
  return hosts.split(',').map((each) => {
    const match = /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/.exec(each);
    if (!match) throw wrong('has a host that is none');
    const [, host = '', port] = match;
    return { host: host.replace(/^\[|\]$/g, ''), port: port === undefined ? defaultPort : Number(port) };
  });
}

function numberOf(query: URLSearchParams, name: string, fallback: number): number {
  const text = query.get(name) ?? String(fallback);
  if (!/^\d{1,6}$/.test(text)) throw wrong(`has a ${name} that is no number`);
  return Number(text);
}

/**
 * Reads `redis[s][+sentinel|+cluster]://[user:password@]host[:port][,host[:port]…][/path][?…]`. The path is the database
 * number, for Sentinel the name of the master and then the number. Queries: `prefix` (of keys, `cpns:` unless said),
 * `replicas` and `replicas-within` (ms): the WAIT of every commit.
 * @throws CONFIGURATION_INVALID in one sentence, which never repeats the URL: it may hold a password
 */
export function parseRedisUrl(url: string): ParsedRedisUrl {
  const match = /^redis(s?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/?]*)@)?([^/?]+)(?:\/([^?]*))?(?:\?(.*))?$/.exec(url);
  if (!match) throw wrong('is not of any known form');
  const [, secure, mode, credentials = '', hosts = '', path = '', queryText = ''] = match;
  const kind = mode === 'sentinel' || mode === 'cluster' ? mode : 'single';
  const query = new URLSearchParams(queryText);
  for (const name of query.keys())
    if (!['prefix', 'replicas', 'replicas-within'].includes(name)) throw wrong('has an unknown query');
  const prefix = query.get('prefix') ?? 'cpns:';
  if (!PREFIX.test(prefix)) throw wrong(`has a prefix outside ${PREFIX.source}`);

  const nodes = nodesOf(hosts, DEFAULT_PORT[kind]);
  const steps = path.split('/').filter((step) => step !== '');
  const master = kind === 'sentinel' ? steps.shift() : undefined;
  const [databaseText = '0', ...surplus] = steps;
  if (surplus.length > 0 || !/^\d{1,4}$/.test(databaseText)) throw wrong('has a path that is no database number');
  const database = Number(databaseText);
  if (kind === 'cluster' && database !== 0) throw wrong('names a database, which a cluster has only one of');

  const [user = '', ...password] = credentials.split(':').map(decodeURIComponent);
  const options: Options = {
    db: database,
    ...(user && { username: user }),
    ...(password.length > 0 && { password: password.join(':') }),
    ...(secure && { tls: {} }),
  };
  const shared = {
    prefix,
    database,
    replicas: numberOf(query, 'replicas', 0),
    replicasWithin: numberOf(query, 'replicas-within', 1_000),
  };
  if (shared.replicasWithin < 1 || shared.replicasWithin > WAIT_AT_MOST)
    throw wrong(`has replicas-within outside 1 to ${WAIT_AT_MOST} ms`);
  if (kind === 'cluster' && shared.replicas > 0)
    throw wrong('asks for replicas of a cluster, where min-replicas-to-write of its servers has to be set instead');
  if (kind === 'cluster') return { ...shared, target: { kind, nodes, options } };
  if (kind === 'sentinel') {
    if (master === undefined) throw wrong('does not name the master');
    return { ...shared, target: { kind, options: { ...options, sentinels: nodes, name: master } } };
  }
  const [node, ...others] = nodes;
  if (!node || others.length > 0) throw wrong('has several hosts without saying +sentinel or +cluster');
  return { ...shared, target: { kind, options: { ...options, ...node } } };
}

const retry = (times: number): number => Math.min(50 * times, TIMES.retryAtMost);

/** Nothing is queued, resent or retried behind the caller's back: what cannot be sent now fails now. */
const HONEST: Options = {
  protocol: 2,
  connectTimeout: TIMES.connect,
  commandTimeout: TIMES.command,
  disconnectTimeout: TIMES.disconnect,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  disableClientInfo: true,
};

/** A client that reconnects by itself for as long as it is not closed. Not connected yet. */
export function makeClient(target: RedisTarget, onError: (error: Error) => void): RedisClient {
  const client = target.kind === 'cluster' ? makeCluster(target.nodes, target.options) : makeSingle(target.options);
  client.on('error', (error: Error) => {
    withoutCommand(error);
    onError(error);
  });
  return client;
}

const REPLIES = { replyMapping: 'legacy' } as const;

/** These two are said of a cluster as a whole, and not of each of its nodes. */
const AS_A_WHOLE = { lazyConnect: true, enableOfflineQueue: false } as const;

const makeSingle = (options: Options): Redis =>
  new Redis({ ...HONEST, ...REPLIES, ...AS_A_WHOLE, retryStrategy: retry, sentinelRetryStrategy: retry, ...options });

const makeCluster = (nodes: readonly ClusterNode[], options: Options): Cluster =>
  new Cluster([...nodes], {
    ...AS_A_WHOLE,
    clusterRetryStrategy: retry,
    slotsRefreshTimeout: TIMES.connect,
    redisOptions: { ...HONEST, ...options, ...REPLIES },
  });

/** Waits until the client is connected or has failed once; either way it goes on by itself. */
export async function firstConnection(client: RedisClient, onError: (error: Error) => void): Promise<void> {
  await within(TIMES.method, client.connect()).catch((error: Error) => {
    withoutCommand(error);
    onError(error);
  });
}

/** Settles as the promise does, or rejects after `milliseconds`; the promise's own later failure is ignored. */
export function within<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${milliseconds} ms`)), milliseconds);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

// replies that say "not now": the same command may succeed later
const NOT_NOW =
  /^(LOADING|BUSY|READONLY|MISCONF|OOM|NOREPLICAS|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|UNKILLABLE|NOAUTH|WRONGPASS|NOPERM)\b/;

/** The client hangs the command on its errors, and its arguments are passwords and records: none of it goes to a log. */
export function withoutCommand(error: unknown): unknown {
  if (error instanceof Error) Reflect.deleteProperty(error, 'command');
  return error;
}

/** A failed command as the port promises it: a server that is away or cannot serve, or else a fault of ours. */
export function failureOf(cause: unknown): CpnsError {
  if (cause instanceof CpnsError) return cause;
  withoutCommand(cause);
  const reply = cause instanceof Error && cause.name === 'ReplyError';
  if (reply && !NOT_NOW.test(cause.message)) return new CpnsError('INTERNAL', 'the store refused a command', { cause });
  return storeUnavailable(cause);
}
