import { newEntryId } from '../entry-id';
import { type CheckedCommit, newRevisions } from '../limits';
import type { Aggregate } from '../port';
import type { RedisKeys } from './keys';

/** Gives each distinct name a number from 1, as Lua counts. */
function numbering(names: Iterable<string>): { names: string[]; of: (name: string) => number } {
  const distinct = [...new Set(names)];
  const numbers = new Map(distinct.map((name, index) => [name, index + 1]));
  return { names: distinct, of: (name) => numbers.get(name) ?? 0 };
}

const NONE = Buffer.alloc(0);

const bytesOf = (value: Uint8Array): Buffer => Buffer.from(value.buffer, value.byteOffset, value.byteLength);

/** A commit as KEYS and ARGV of commit.lua; its header says what goes where. */
export function encodeCommit(
  keys: RedisKeys,
  database: number,
  aggregate: Aggregate,
  commit: CheckedCommit,
  times: { now: number; grace: number },
): { keys: string[]; args: (string | Buffer | number)[] } {
  const records = numbering(commit.expected.keys());
  const sets = numbering([...commit.addTo, ...commit.removeFrom].map(({ set }) => set));
  const logs = numbering([...commit.append, ...commit.trim].map(({ log }) => log));
  const revisions = newRevisions(commit);
  const { put, delete: deletes, addTo, removeFrom, append, trim } = commit;
  return {
    keys: [
      keys.inventory(aggregate),
      ...records.names.map((name) => keys.record(aggregate, name)),
      ...sets.names.map((set) => keys.set(aggregate, set)),
      ...logs.names.flatMap((log) => [
        keys.stream(aggregate, log),
        keys.state(aggregate, log),
        keys.dedupe(aggregate, log),
      ]),
    ],
    args: [
      ...[times.now, times.grace, records.names.length, sets.names.length, logs.names.length],
      ...[put, deletes, addTo, removeFrom, append, trim].map((list) => list.length),
      ...[...commit.expected].flatMap(([name, revision]) => [name, String(revision)]),
      ...sets.names,
      ...logs.names.flatMap((log) => [log, keys.channel(database, aggregate, log)]),
      ...trim.flatMap(({ log, upTo, entryId = NONE }) => [logs.of(log), String(upTo), bytesOf(entryId)]),
      ...put.flatMap(({ name, value, expiresAt }) => [
        records.of(name),
        String(revisions.get(name)),
        expiresAt ?? '',
        bytesOf(value),
      ]),
      ...deletes.map((name) => records.of(name)),
      ...[...addTo, ...removeFrom].flatMap(({ set, member }) => [sets.of(set), member]),
      ...append.flatMap(({ log, dedupeId, value }) => [logs.of(log), dedupeId, bytesOf(value), newEntryId()]),
    ],
  };
}

/** A record as commit.lua stores it: `<revision>:<expiry or nothing>:<value>`. */
export function decodeRecord(stored: Buffer): { revision: bigint; expiresAt: number | undefined; value: Buffer } {
  const first = stored.indexOf(':');
  const second = stored.indexOf(':', first + 1);
  const expiry = stored.toString('latin1', first + 1, second);
  return {
    revision: BigInt(stored.toString('latin1', 0, first)),
    expiresAt: expiry === '' ? undefined : Number(expiry),
    value: stored.subarray(second + 1),
  };
}
