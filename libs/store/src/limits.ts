import { CpnsError } from '@cpns/core';
import type { Aggregate, Commit } from './port';

/** Sizes that every adapter holds to. Keys of both stay below LMDB's 1,978 bytes. */
export const STORE_LIMITS = {
  kindBytes: 64,
  idBytes: 512,
  nameBytes: 256,
  valueBytes: 1024 * 1024,
  commitItems: 6_000,
  commitBytes: 8 * 1024 * 1024,
  pageItems: 1_000,
  entryIdBytes: 16,
} as const;

const KIND = new RegExp(`^[a-z0-9-]{1,${STORE_LIMITS.kindBytes}}$`);
// printable ASCII; braces would end a Redis hash tag early
const ID = new RegExp(`^[\\x20-\\x7a|~]{1,${STORE_LIMITS.idBytes}}$`);
// no slash besides, so that `<kind>/<id>/<name>` reads in one way only: sealing binds that text
const NAME = new RegExp(`^[\\x20-\\x2e\\x30-\\x7a|~]{1,${STORE_LIMITS.nameBytes}}$`);

function checkText(pattern: RegExp, what: string, value: string): void {
  if (!pattern.test(value)) throw new RangeError(`${what} of a store has to match ${pattern.source}`);
}

export const checkKind = (kind: string): void => checkText(KIND, 'a kind', kind);
export const checkName = (name: string): void => checkText(NAME, 'a record, set or log name', name);
export const checkMember = (member: string): void => checkText(ID, 'a member or dedupe id', member);

export function checkAggregate(aggregate: Aggregate): void {
  checkKind(aggregate.kind);
  checkText(ID, 'an aggregate id', aggregate.id);
}

export function checkLimit(limit: number): void {
  if (!Number.isInteger(limit) || limit < 1 || limit > STORE_LIMITS.pageItems)
    throw new RangeError(`a page of a store has 1 to ${STORE_LIMITS.pageItems} items`);
}

/** A cursor may come from a caller of the service as its page token: it gets an answer, not a fault of ours. */
export function checkCursor(cursor: string | undefined): void {
  if (cursor !== undefined && !ID.test(cursor))
    throw new CpnsError('PAGE_TOKEN_INVALID', 'use the page token of the page before, or none for the first page');
}

/** Sequences and revisions fit what Lua can count, which is far above what a log or record ever reaches. */
export function checkSequence(sequence: bigint): void {
  if (sequence < 0n || sequence > BigInt(Number.MAX_SAFE_INTEGER))
    throw new RangeError('a sequence or revision of a store is 0 to 2^53 - 1');
}

export function checkNames(names: readonly string[]): void {
  if (names.length > STORE_LIMITS.commitItems) throw new RangeError(`at most ${STORE_LIMITS.commitItems} names`);
  names.forEach(checkName);
}

function checkValues(values: readonly Uint8Array[]): void {
  let total = 0;
  for (const value of values) {
    if (value.length > STORE_LIMITS.valueBytes)
      throw new RangeError(`a value of a store has at most ${STORE_LIMITS.valueBytes} bytes, not ${value.length}`);
    total += value.length;
  }
  if (total > STORE_LIMITS.commitBytes)
    throw new RangeError(`a commit carries at most ${STORE_LIMITS.commitBytes} bytes`);
}

function checkExpiry(expiresAt: number | undefined): void {
  if (expiresAt !== undefined && (!Number.isSafeInteger(expiresAt) || expiresAt < 0))
    throw new RangeError('expiresAt is a time in Unix milliseconds');
}

/** A commit with its optional lists filled in and every expectation by name. */
export interface CheckedCommit extends Required<Commit> {
  readonly expected: ReadonlyMap<string, bigint | 'absent'>;
}

/**
 * Checks a commit against everything the port promises, before any adapter looks at it.
 * @throws RangeError naming what is wrong
 */
export function checkCommit(aggregate: Aggregate, commit: Commit): CheckedCommit {
  checkAggregate(aggregate);
  const { expect = [], put = [], delete: deletes = [], addTo = [], removeFrom = [], append = [], trim = [] } = commit;
  const items = [expect, put, deletes, addTo, removeFrom, append, trim].reduce((sum, list) => sum + list.length, 0);
  if (items > STORE_LIMITS.commitItems) throw new RangeError(`a commit has at most ${STORE_LIMITS.commitItems} items`);

  const expected = new Map<string, bigint | 'absent'>();
  for (const { name, revision } of expect) {
    checkName(name);
    if (expected.has(name)) throw new RangeError(`record ${name} is expected twice`);
    if (revision !== 'absent') checkSequence(revision);
    if (revision === 0n) throw new RangeError('revisions start at 1; expect absent where there is no record');
    expected.set(name, revision);
  }
  const written = new Set<string>();
  for (const name of [...put.map((each) => each.name), ...deletes]) {
    if (!expected.has(name)) throw new RangeError(`record ${name} is written without being expected`);
    if (written.has(name)) throw new RangeError(`record ${name} is written twice`);
    written.add(name);
  }
  put.forEach(({ expiresAt }) => checkExpiry(expiresAt));
  for (const { set, member } of [...addTo, ...removeFrom]) {
    checkName(set);
    checkMember(member);
  }
  for (const { log, dedupeId } of append) {
    checkName(log);
    checkMember(dedupeId);
  }
  for (const { log, upTo, entryId } of trim) {
    checkName(log);
    checkSequence(upTo);
    if (entryId !== undefined && entryId.length !== STORE_LIMITS.entryIdBytes)
      throw new RangeError(`the id of an entry has ${STORE_LIMITS.entryIdBytes} bytes`);
  }
  checkValues([...put, ...append].map(({ value }) => value));
  return { expect, put, delete: deletes, addTo, removeFrom, append, trim, expected };
}

/** The revisions that a commit gives, which follow from what it expects. */
export function newRevisions({ put, expected }: CheckedCommit): Map<string, bigint> {
  return new Map(
    put.map(({ name }) => {
      const before = expected.get(name);
      return [name, before === undefined || before === 'absent' ? 1n : before + 1n];
    }),
  );
}
