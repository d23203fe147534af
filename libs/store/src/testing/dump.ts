import { forEach } from '@cpns/core';
import { Cluster } from 'ioredis';
import { EmbeddedStore } from '../embedded/embedded-store';
import * as lmdb from '../embedded/keys';
import type { Aggregate, Page, Store } from '../port';
import { decodeRecord } from '../redis/encode-commit';
import { RedisStore } from '../redis/redis-store';

/** Everything an aggregate holds, values in base64, numbers as text: to be compared and printed. */
export interface DumpedAggregate {
  records: Record<string, { revision: string; value: string; expiresAt?: number }>;
  sets: Record<string, string[]>;
  logs: Record<string, DumpedLog>;
}

interface DumpedLog {
  last: string;
  trimmedTo: string;
  entries: { sequence: string; dedupeId: string; value: string }[];
}

/** By `kind/id`. */
export type StoreDump = Record<string, DumpedAggregate>;

/** A key and one value that a store holds, as bytes. */
export interface RawEntry {
  readonly key: Buffer;
  readonly value: Buffer;
}

/**
 * Every live record, set and log of a whole store in one canonical form, the same for both adapters: two dumps are equal
 * exactly when no caller of the port could tell the stores apart, but for the random ids of entries. For stores of test size; not as of one moment.
 */
export async function dump(store: Store): Promise<StoreDump> {
  const dumped: StoreDump = {};
  const of = ({ kind, id }: Aggregate) => (dumped[`${kind}/${id}`] ??= { records: {}, sets: {}, logs: {} });
  const visit = async (place: Place) => {
    const { type, name, record } = place;
    if (type === 's') of(place).sets[name] = await allMembers(store, place);
    if (type === 'l') of(place).logs[name] = await wholeLog(store, place);
    if (!record || !lmdb.isLive(record, adapterOf(store).clock.now())) return;
    const { revision, value, expiresAt } = record;
    const text = { revision: String(revision), value: value.toString('base64') };
    of(place).records[name] = expiresAt === undefined ? text : { ...text, expiresAt };
  };
  const places = await placesOf(adapterOf(store));
  const distinct = new Map(places.map((place) => [`${place.kind}/${place.id} ${place.type}${place.name}`, place]));
  await forEach([...distinct.values()], visit, 100);
  return dumped;
}

/** Every byte that a store holds of ours, decoded of nothing but the store's own wrapping: to look for secrets in. */
export async function rawDump(store: Store): Promise<RawEntry[]> {
  const adapter = adapterOf(store);
  if (adapter instanceof EmbeddedStore) return adapter.entries();
  const raw: RawEntry[] = [];
  const visit = async (key: string) => {
    for (const value of await redisValues(adapter, key)) raw.push({ key: Buffer.from(key), value });
  };
  await forEach(await redisKeys(adapter), visit, 100);
  return raw;
}

function adapterOf(store: Store): EmbeddedStore | RedisStore {
  if (store instanceof EmbeddedStore || store instanceof RedisStore) return store;
  throw new TypeError('only the two adapters of this library can be dumped');
}

/** Where something is stored: `r` is a record, `s` a set, `l` a log; others are parts of these. */
interface Place extends Aggregate {
  readonly type: string;
  readonly name: string;
  readonly record?: lmdb.EncodedRecord | undefined;
}

async function placesOf(store: EmbeddedStore | RedisStore): Promise<Place[]> {
  if (store instanceof RedisStore) {
    const places: Place[] = [];
    const visit = async (key: string) => {
      const at = store.keys.parse(key);
      const stored = at?.type === 'r' ? await store.use((client) => client.getBuffer(key)) : null;
      if (at) places.push({ ...at, ...(stored && { record: decodeRecord(stored) }) });
    };
    await forEach(await redisKeys(store), visit, 100);
    return places;
  }
  const entries = (await store.entries()).filter(({ key }) => key[0] === lmdb.dataRange.start[0]);
  return entries.map(({ key, value }) => {
    const at = lmdb.parseKey(key);
    return { ...at, ...(at.type === 'r' && { record: lmdb.decodeRecord(value) }) };
  });
}

/** Of a page of the port. */
const PAGE = 1_000;

async function allMembers(store: Store, { kind, id, name }: Place): Promise<string[]> {
  const members: string[] = [];
  let page: Page = { items: [] };
  do {
    page = await store.members({ kind, id }, name, page.next, PAGE);
    members.push(...page.items);
  } while (page.next !== undefined);
  return members;
}

async function wholeLog(store: Store, { kind, id, name }: Place): Promise<DumpedLog> {
  const entries: DumpedLog['entries'] = [];
  for (;;) {
    const after = BigInt(entries.at(-1)?.sequence ?? 0);
    const { last, trimmedTo, entries: more } = await store.readLog({ kind, id }, name, after, PAGE);
    if (more.length === 0) return { last: String(last), trimmedTo: String(trimmedTo), entries };
    for (const { sequence, dedupeId, value } of more)
      entries.push({ sequence: String(sequence), dedupeId, value: value.toString('base64') });
  }
}

async function redisKeys(store: RedisStore): Promise<string[]> {
  const keys = await store.use(async (client) => {
    const nodes = client instanceof Cluster ? client.nodes('master') : [client];
    const found: string[] = [];
    for (const node of nodes)
      for await (const page of node.scanStream({ match: store.keys.all, count: 1000 }) as AsyncIterable<string[]>)
        found.push(...page);
    return found;
  });
  return [...new Set(keys)].sort();
}

/** The bytes of a key by its type. Not DUMP: that may compress, which hides what is looked for. */
async function redisValues(store: RedisStore, key: string): Promise<Buffer[]> {
  return store.use(async (client) => {
    const type = await client.type(key);
    if (type === 'string') return [(await client.getBuffer(key)) ?? Buffer.alloc(0)];
    if (type === 'zset') return client.zrangeBuffer(key, '0', '-1');
    if (type === 'hash')
      return Object.entries(await client.hgetallBuffer(key)).flatMap(([f, v]) => [Buffer.from(f), v]);
    if (type === 'stream') return (await client.xrangeBuffer(key, '-', '+')).flatMap(([id, fields]) => [id, ...fields]);
    if (type === 'none') return [];
    throw new TypeError(`a ${type} is nothing that the store makes`);
  });
}
