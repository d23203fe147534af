/**
 * How the embedded store lays out LMDB. Names are printable ASCII, so a zero byte ends each of them without ambiguity,
 * and byte order of keys is byte order of names.
 *
 * ```
 * 'a' kind 00 id 00 'r' name                 u64 revision, u64 expiresAt (0: never), value
 * 'a' kind 00 id 00 's' set 00 member        one byte
 * 'a' kind 00 id 00 'l' log                  u64 last sequence, u64 trimmed up to, id of the last one trimmed
 * 'a' kind 00 id 00 'e' log 00 u64 sequence  ff, id, LP(dedupe id), value; before there were ids LP(dedupe id), value
 * 'a' kind 00 id 00 'd' log 00 dedupe id     u64 sequence
 * 'i'                                        16 random bytes, made with the directory
 * 'x' u64 expiresAt, key of the record       one byte: what is to be removed, in order of time
 * ```
 */
import { join, lp, Reader, u64 } from '@cpns/core';
import { oldEntryId } from '../entry-id';
import { STORE_LIMITS } from '../limits';
import type { Aggregate, Append, LogEntry } from '../port';

const END = '\x00';
const AFTER_END = '\x01';
/** The value of keys that only have to exist. */
export const PRESENT = Buffer.from([1]);

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const piece = ({ kind, id }: Aggregate, rest: string): Buffer => bytes(`a${kind}${END}${id}${END}${rest}`);

export const recordKey = (aggregate: Aggregate, name: string) => piece(aggregate, `r${name}`);
export const memberKey = (aggregate: Aggregate, set: string, member: string) =>
  piece(aggregate, `s${set}${END}${member}`);
export const logKey = (aggregate: Aggregate, log: string) => piece(aggregate, `l${log}`);
export const entryKey = (aggregate: Aggregate, log: string, sequence: bigint) =>
  join(piece(aggregate, `e${log}${END}`), u64(sequence));
export const dedupeKey = (aggregate: Aggregate, log: string, dedupeId: string) =>
  piece(aggregate, `d${log}${END}${dedupeId}`);
/** Of the random bytes that name a directory. */
export const incarnationKey = bytes('i');
export const expiryKey = (expiresAt: number, record: Uint8Array) => join('x', u64(expiresAt), record);

/** Ranges of keys, start included and end not. */
export interface KeyRange {
  readonly start: Buffer;
  readonly end: Buffer;
}

/** Members of a set after `cursor`. */
export const memberRange = (aggregate: Aggregate, set: string, cursor: string | undefined): KeyRange => ({
  // the shortest key above the cursor's own is that key with a zero byte
  start: cursor === undefined ? piece(aggregate, `s${set}${END}`) : join(memberKey(aggregate, set, cursor), END),
  end: piece(aggregate, `s${set}${AFTER_END}`),
});

/** Entries of a log with sequences from `from` to `to`, both included. */
export const entryRange = (aggregate: Aggregate, log: string, from: bigint, to: bigint): KeyRange => ({
  start: entryKey(aggregate, log, from),
  end: entryKey(aggregate, log, to + 1n),
});

/** Everything of one aggregate. */
export const aggregateRange = (aggregate: Aggregate): KeyRange => ({
  start: piece(aggregate, ''),
  end: bytes(`a${aggregate.kind}${END}${aggregate.id}${AFTER_END}`),
});

/** Everything of the aggregates of a kind after the one with that id. */
export const kindRange = (kind: string, after: string | undefined): KeyRange => ({
  start: bytes(after === undefined ? `a${kind}${END}` : `a${kind}${END}${after}${AFTER_END}`),
  end: bytes(`a${kind}${AFTER_END}`),
});

/** Expiries up to and including `now`. */
export const expiryRange = (now: number): KeyRange => ({ start: bytes('x'), end: join('x', u64(now + 1)) });
export const recordOfExpiry = (key: Buffer): Buffer => key.subarray(9);

/** Everything that holds data: all aggregates, and not the expiries. */
export const dataRange: KeyRange = { start: bytes('a'), end: bytes('b') };

/** A key of {@link dataRange} taken apart. */
export interface ParsedKey extends Aggregate {
  readonly type: string;
  readonly name: string;
  /** Member or dedupe id, or the 8 bytes of a sequence as latin1. */
  readonly rest: string;
}

export function parseKey(key: Buffer): ParsedKey {
  const text = key.toString('latin1');
  const kindEnd = text.indexOf(END);
  const idEnd = text.indexOf(END, kindEnd + 1);
  const nameEnd = text.indexOf(END, idEnd + 1);
  return {
    kind: text.slice(1, kindEnd),
    id: text.slice(kindEnd + 1, idEnd),
    type: text.slice(idEnd + 1, idEnd + 2),
    name: text.slice(idEnd + 2, nameEnd < 0 ? undefined : nameEnd),
    rest: nameEnd < 0 ? '' : text.slice(nameEnd + 1),
  };
}

export interface EncodedRecord {
  readonly revision: bigint;
  /** Unix milliseconds, or undefined for a record that stays. */
  readonly expiresAt: number | undefined;
  readonly value: Buffer;
}

const RECORD_HEADER_BYTES = 16;

export const encodeRecord = (revision: bigint, expiresAt: number | undefined, value: Uint8Array): Buffer =>
  // a record that expires in 1970 must not become one that stays
  join(u64(revision), u64(expiresAt === undefined ? 0 : Math.max(1, expiresAt)), value);

export function decodeRecord(stored: Buffer): EncodedRecord {
  const expiresAt = Number(stored.readBigUInt64BE(8));
  return {
    revision: stored.readBigUInt64BE(0),
    expiresAt: expiresAt === 0 ? undefined : expiresAt,
    value: stored.subarray(RECORD_HEADER_BYTES),
  };
}

export const isLive = ({ expiresAt }: Pick<EncodedRecord, 'expiresAt'>, now: number): boolean =>
  expiresAt === undefined || now < expiresAt;

export interface LogState {
  readonly last: bigint;
  readonly trimmedTo: bigint;
  /** Of the entry at `trimmedTo`; empty where that is 0. */
  readonly trimmedId: Buffer;
}

const NO_ID = Buffer.alloc(0);
const LOG_STATE_BYTES = 16;

export const encodeLogState = ({ last, trimmedTo, trimmedId }: LogState): Buffer =>
  join(u64(last), u64(trimmedTo), trimmedId);

export function decodeLogState(stored: Buffer | undefined): LogState {
  if (stored === undefined) return { last: 0n, trimmedTo: 0n, trimmedId: NO_ID };
  const [last, trimmedTo] = [stored.readBigUInt64BE(0), stored.readBigUInt64BE(8)];
  const trimmedId = Buffer.from(stored.subarray(LOG_STATE_BYTES));
  return { last, trimmedTo, trimmedId: trimmedTo > 0n && trimmedId.length === 0 ? oldEntryId(trimmedTo) : trimmedId };
}

/** No length of a dedupe id begins with this byte, so that an entry from before there were ids differs. */
const WITH_ID = Buffer.from([0xff]);

export const encodeEntry = ({
  dedupeId,
  value,
  entryId,
}: Pick<Append, 'dedupeId' | 'value'> & Pick<LogEntry, 'entryId'>): Buffer =>
  join(WITH_ID, entryId, lp(dedupeId), value);

export function decodeEntry(sequence: bigint, stored: Buffer): LogEntry {
  const hasId = stored[0] === WITH_ID[0];
  const reader = new Reader(hasId ? stored.subarray(1) : stored, 'a stored log entry');
  const entryId = hasId ? reader.take(STORE_LIMITS.entryIdBytes) : oldEntryId(sequence);
  return { sequence, dedupeId: reader.lpText(), value: reader.take(reader.remaining()), entryId };
}
