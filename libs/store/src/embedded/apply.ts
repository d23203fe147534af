import type { Database } from 'lmdb';
import { type CheckedCommit, newRevisions } from '../limits';
import type { Aggregate, Append, CommitResult, Put, Trim } from '../port';
import * as keys from './keys';

export type Lmdb = Database<Buffer, Buffer>;

/** One record as stored, live or not. */
export function readRecord(db: Lmdb, key: Buffer): keys.EncodedRecord | undefined {
  const stored = db.getBinary(key);
  return stored === undefined ? undefined : keys.decodeRecord(stored);
}

/** One record, if there is a live one. */
export function readLive(db: Lmdb, key: Buffer, now: number): keys.EncodedRecord | undefined {
  const record = readRecord(db, key);
  return record && keys.isLive(record, now) ? record : undefined;
}

/** A record that a commit is about, before it. */
interface Place {
  readonly key: Buffer;
  /** As stored, live or not. */
  readonly before: keys.EncodedRecord | undefined;
}

const lookAt = (db: Lmdb, key: Buffer): Place => ({ key, before: readRecord(db, key) });

/** Of the record that goes now, or is overwritten. */
function forgetExpiry(db: Lmdb, { key, before }: Place): void {
  if (before?.expiresAt !== undefined) db.removeSync(keys.expiryKey(before.expiresAt, key));
}

function putRecord(db: Lmdb, place: Place, revision: bigint, { value, expiresAt }: Put): void {
  const { key } = place;
  forgetExpiry(db, place);
  db.putSync(key, keys.encodeRecord(revision, expiresAt, value));
  if (expiresAt !== undefined) db.putSync(keys.expiryKey(Math.max(1, expiresAt), key), keys.PRESENT);
}

function removeRecord(db: Lmdb, place: Place): void {
  forgetExpiry(db, place);
  db.removeSync(place.key);
}

function append(db: Lmdb, aggregate: Aggregate, { log, dedupeId, value }: Append): bigint {
  const dedupe = keys.dedupeKey(aggregate, log, dedupeId);
  const known = db.getBinary(dedupe);
  if (known) return known.readBigUInt64BE(0);
  const stateKey = keys.logKey(aggregate, log);
  const { last, trimmedTo } = keys.decodeLogState(db.getBinary(stateKey));
  const sequence = last + 1n;
  db.putSync(keys.entryKey(aggregate, log, sequence), keys.encodeEntry(dedupeId, value));
  db.putSync(dedupe, keys.encodeLogState({ last: sequence, trimmedTo: 0n }).subarray(0, 8));
  db.putSync(stateKey, keys.encodeLogState({ last: sequence, trimmedTo }));
  return sequence;
}

function trim(db: Lmdb, aggregate: Aggregate, { log, upTo }: Trim): void {
  const stateKey = keys.logKey(aggregate, log);
  const { last, trimmedTo } = keys.decodeLogState(db.getBinary(stateKey));
  const to = upTo < last ? upTo : last;
  if (to <= trimmedTo) return;
  // the range is read to its end before anything is removed under it
  const doomed = [...db.getRange(keys.entryRange(aggregate, log, trimmedTo + 1n, to))];
  for (const { key, value } of doomed) {
    db.removeSync(keys.dedupeKey(aggregate, log, keys.decodeEntry(0n, value).dedupeId));
    db.removeSync(key);
  }
  db.putSync(stateKey, keys.encodeLogState({ last, trimmedTo: to }));
}

/** Removes up to `limit` records that have expired, oldest first; returns how many. Inside a transaction. */
export function sweep(db: Lmdb, now: number, limit: number): number {
  const due = [...db.getKeys({ ...keys.expiryRange(now), limit })];
  for (const key of due) {
    const record = keys.recordOfExpiry(key);
    const stored = readRecord(db, record);
    if (stored && !keys.isLive(stored, now)) db.removeSync(record);
    db.removeSync(key);
  }
  return due.length;
}

/** The whole of a commit, inside one transaction: looks first, so that a conflict has changed nothing. */
export function applyCommit(db: Lmdb, aggregate: Aggregate, commit: CheckedCommit, now: number): CommitResult {
  const places = new Map<string, Place>();
  const placeOf = (name: string): Place => {
    const place = places.get(name) ?? lookAt(db, keys.recordKey(aggregate, name));
    places.set(name, place);
    return place;
  };
  for (const [name, expected] of commit.expected) {
    const { before } = placeOf(name);
    const found = before && keys.isLive(before, now) ? before.revision : 'absent';
    if (found !== expected) return { ok: false, conflict: name };
  }
  const revisions = newRevisions(commit);
  for (const put of commit.put) putRecord(db, placeOf(put.name), revisions.get(put.name) ?? 1n, put);
  for (const name of commit.delete) removeRecord(db, placeOf(name));
  for (const { set, member } of commit.addTo) db.putSync(keys.memberKey(aggregate, set, member), keys.PRESENT);
  for (const { set, member } of commit.removeFrom) db.removeSync(keys.memberKey(aggregate, set, member));
  const sequences = commit.append.map((each) => append(db, aggregate, each));
  for (const each of commit.trim) trim(db, aggregate, each);
  return { ok: true, revisions, sequences };
}
