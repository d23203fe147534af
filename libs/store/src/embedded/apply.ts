import { randomBytes } from 'node:crypto';
import { u64 } from '@cpns/core';
import type { Database } from 'lmdb';
import { newEntryId } from '../entry-id';
import { type CheckedCommit, newRevisions } from '../limits';
import type { Aggregate, Append, CommitResult, Position, Put, Trim } from '../port';
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

/** The id of an entry, or of the last one trimmed; empty where neither is there. */
export function entryIdAt(db: Lmdb, aggregate: Aggregate, log: string, sequence: bigint): Buffer {
  const { trimmedTo, trimmedId } = keys.decodeLogState(db.getBinary(keys.logKey(aggregate, log)));
  if (sequence === trimmedTo) return trimmedId;
  const stored = db.getBinary(keys.entryKey(aggregate, log, sequence));
  return stored === undefined ? Buffer.alloc(0) : keys.decodeEntry(sequence, stored).entryId;
}

function append(db: Lmdb, aggregate: Aggregate, { log, dedupeId, value }: Append): Position {
  const dedupe = keys.dedupeKey(aggregate, log, dedupeId);
  const known = db.getBinary(dedupe)?.readBigUInt64BE(0);
  if (known !== undefined) return { sequence: known, entryId: entryIdAt(db, aggregate, log, known) };
  const stateKey = keys.logKey(aggregate, log);
  const state = keys.decodeLogState(db.getBinary(stateKey));
  const [sequence, entryId] = [state.last + 1n, newEntryId()];
  db.putSync(keys.entryKey(aggregate, log, sequence), keys.encodeEntry({ dedupeId, value, entryId }));
  db.putSync(dedupe, u64(sequence));
  db.putSync(stateKey, keys.encodeLogState({ ...state, last: sequence }));
  return { sequence, entryId };
}

function trim(db: Lmdb, aggregate: Aggregate, { log, upTo }: Trim): void {
  const stateKey = keys.logKey(aggregate, log);
  const { last, trimmedTo } = keys.decodeLogState(db.getBinary(stateKey));
  const to = upTo < last ? upTo : last;
  if (to <= trimmedTo) return;
  const trimmedId = entryIdAt(db, aggregate, log, to);
  // the range is read to its end before anything is removed under it
  const doomed = [...db.getRange(keys.entryRange(aggregate, log, trimmedTo + 1n, to))];
  for (const { key, value } of doomed) {
    db.removeSync(keys.dedupeKey(aggregate, log, keys.decodeEntry(0n, value).dedupeId));
    db.removeSync(key);
  }
  db.putSync(stateKey, keys.encodeLogState({ last, trimmedTo: to, trimmedId }));
}

/** The random bytes that name the directory, made when they are asked for first. Inside a transaction. */
export function nameDirectory(db: Lmdb): Buffer {
  const known = db.getBinary(keys.incarnationKey);
  if (known !== undefined) return known;
  const name = randomBytes(16);
  db.putSync(keys.incarnationKey, name);
  return name;
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
  for (const { log, upTo, entryId } of commit.trim)
    if (entryId !== undefined && !entryIdAt(db, aggregate, log, upTo).equals(entryId))
      return { ok: false, conflict: log };
  const revisions = newRevisions(commit);
  for (const put of commit.put) putRecord(db, placeOf(put.name), revisions.get(put.name) ?? 1n, put);
  for (const name of commit.delete) removeRecord(db, placeOf(name));
  for (const { set, member } of commit.addTo) db.putSync(keys.memberKey(aggregate, set, member), keys.PRESENT);
  for (const { set, member } of commit.removeFrom) db.removeSync(keys.memberKey(aggregate, set, member));
  const appended = commit.append.map((each) => append(db, aggregate, each));
  for (const each of commit.trim) trim(db, aggregate, each);
  return {
    ok: true,
    revisions,
    sequences: appended.map(({ sequence }) => sequence),
    entryIds: appended.map(({ entryId }) => entryId),
  };
}
