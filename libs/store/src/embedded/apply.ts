import type { Database } from 'lmdb';
import { type CheckedCommit, newRevisions } from '../limits';
import type { Aggregate, Append, CommitResult, Put, Trim } from '../port';
import * as keys from './keys';

export type Lmdb = Database<Buffer, Buffer>;

/** Expired records removed with each commit; the rest is left to the next ones and to the timer. */
const SWEPT_PER_COMMIT = 32;

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

function removeRecord(db: Lmdb, key: Buffer): void {
  const before = readRecord(db, key);
  if (before?.expiresAt !== undefined) db.removeSync(keys.expiryKey(before.expiresAt, key));
  db.removeSync(key);
}

function putRecord(db: Lmdb, key: Buffer, revision: bigint, { value, expiresAt }: Put): void {
  removeRecord(db, key);
  db.putSync(key, keys.encodeRecord(revision, expiresAt, value));
  if (expiresAt !== undefined) db.putSync(keys.expiryKey(Math.max(1, expiresAt), key), keys.PRESENT);
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
  for (const [name, expected] of commit.expected) {
    const found = readLive(db, keys.recordKey(aggregate, name), now);
    if ((found?.revision ?? 'absent') !== expected) return { ok: false, conflict: name };
  }
  const revisions = newRevisions(commit);
  for (const put of commit.put) putRecord(db, keys.recordKey(aggregate, put.name), revisions.get(put.name) ?? 1n, put);
  for (const name of commit.delete) removeRecord(db, keys.recordKey(aggregate, name));
  for (const { set, member } of commit.addTo) db.putSync(keys.memberKey(aggregate, set, member), keys.PRESENT);
  for (const { set, member } of commit.removeFrom) db.removeSync(keys.memberKey(aggregate, set, member));
  const sequences = commit.append.map((each) => append(db, aggregate, each));
  for (const each of commit.trim) trim(db, aggregate, each);
  sweep(db, now, SWEPT_PER_COMMIT);
  return { ok: true, revisions, sequences };
}
