import { Cluster } from 'ioredis';
import { EmbeddedStore } from '../embedded/embedded-store';
import * as lmdb from '../embedded/keys';
import type { Store } from '../port';
import { decodeRecord } from '../redis/encode-commit';
import { RedisStore } from '../redis/redis-store';

/** Everything an aggregate holds, values in base64, numbers as text: to be compared and printed. */
export interface DumpedAggregate {
  records: Record<string, { revision: string; value: string; expiresAt?: number }>;
  sets: Record<string, string[]>;
  logs: Record<
    string,
    { last: string; trimmedTo: string; entries: { sequence: string; dedupeId: string; value: string }[] }
  >;
}

/** By `kind/id`, in byte order. */
export type StoreDump = Record<string, DumpedAggregate>;

/** A key and one value that a store holds, as bytes. */
export interface RawEntry {
  readonly key: Buffer;
  readonly value: Buffer;
}

/**
 * Every live record, set and log of a whole store in one canonical form, the same for both adapters: two dumps are equal
 * exactly when no caller of the port could tell the stores apart. For stores of test size; not as of one moment.
 */
export async function dump(store: Store): Promise<StoreDump> {
  const builder = new DumpBuilder();
  if (store instanceof EmbeddedStore) await dumpEmbedded(store, builder);
  else if (store instanceof RedisStore) await dumpRedis(store, builder);
  else throw new TypeError('dump knows the two adapters of this library');
  return builder.build();
}

/** Every byte that a store holds of ours, decoded of nothing but the store's own wrapping: to look for secrets in. */
export async function rawDump(store: Store): Promise<RawEntry[]> {
  if (store instanceof EmbeddedStore) return store.entries();
  if (!(store instanceof RedisStore)) throw new TypeError('rawDump knows the two adapters of this library');
  const raw: RawEntry[] = [];
  await forEachKey(store, async (key) => {
    for (const value of await redisValues(store, key)) raw.push({ key: Buffer.from(key), value });
  });
  return raw;
}

class DumpBuilder {
  readonly #dump: StoreDump = {};

  #of({ kind, id }: { kind: string; id: string }): DumpedAggregate {
    return (this.#dump[`${kind}/${id}`] ??= { records: {}, sets: {}, logs: {} });
  }

  record(at: Key, { revision, expiresAt, value }: lmdb.EncodedRecord, now: number): void {
    if (!lmdb.isLive({ expiresAt }, now)) return;
    const text = { revision: String(revision), value: value.toString('base64') };
    this.#of(at).records[at.name] = expiresAt === undefined ? text : { ...text, expiresAt };
  }

  member(at: Key, member: string): void {
    (this.#of(at).sets[at.name] ??= []).push(member);
  }

  log(at: Key): DumpedAggregate['logs'][string] {
    return (this.#of(at).logs[at.name] ??= { last: '0', trimmedTo: '0', entries: [] });
  }

  build(): StoreDump {
    const sorted = <T>(object: Record<string, T>): Record<string, T> =>
      Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
    for (const { sets } of Object.values(this.#dump)) Object.values(sets).forEach((members) => members.sort());
    return sorted(
      Object.fromEntries(
        Object.entries(this.#dump).map(([name, { records, sets, logs }]) => [
          name,
          { records: sorted(records), sets: sorted(sets), logs: sorted(logs) },
        ]),
      ),
    );
  }
}

interface Key {
  readonly kind: string;
  readonly id: string;
  readonly name: string;
}

async function dumpEmbedded(store: EmbeddedStore, builder: DumpBuilder): Promise<void> {
  const now = store.clock.now();
  for (const { key, value } of await store.entries()) {
    if (key[0] !== lmdb.dataRange.start[0]) continue;
    const at = lmdb.parseKey(key);
    if (at.type === 'r') builder.record(at, lmdb.decodeRecord(value), now);
    if (at.type === 's') builder.member(at, at.rest);
    if (at.type === 'l') {
      const { last, trimmedTo } = lmdb.decodeLogState(value);
      Object.assign(builder.log(at), { last: String(last), trimmedTo: String(trimmedTo) });
    }
    if (at.type === 'e') {
      const entry = lmdb.decodeEntry(key.readBigUInt64BE(key.length - 8), value);
      builder
        .log(at)
        .entries.push({ ...entry, sequence: String(entry.sequence), value: entry.value.toString('base64') });
    }
  }
}

async function dumpRedis(store: RedisStore, builder: DumpBuilder): Promise<void> {
  const now = store.clock.now();
  await forEachKey(store, async (key) => {
    const at = store.keys.parse(key);
    if (!at) return;
    if (at.type === 'r') {
      const stored = await store.use((client) => client.getBuffer(key));
      if (stored) builder.record(at, decodeRecord(stored), now);
    }
    if (at.type === 's') for (const member of await redisValues(store, key)) builder.member(at, member.toString());
    if (at.type === 'l') {
      const { last = '0', trimmed = '0' } = await store.use((client) => client.hgetall(key));
      Object.assign(builder.log(at), { last, trimmedTo: trimmed });
    }
    if (at.type === 'e') {
      const stream = await store.use((client) => client.xrangeBuffer(key, '-', '+'));
      for (const [id, [, dedupeId, , value]] of stream)
        builder.log(at).entries.push({
          sequence: id.toString().replace('-0', ''),
          dedupeId: String(dedupeId),
          value: (value ?? Buffer.alloc(0)).toString('base64'),
        });
    }
  });
}

/** Keys together in a pipeline, so that a dump takes no round trip for each. */
async function forEachKey(store: RedisStore, visit: (key: string) => Promise<void>): Promise<void> {
  const keys = await redisKeys(store);
  for (let from = 0; from < keys.length; from += 100) await Promise.all(keys.slice(from, from + 100).map(visit));
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
