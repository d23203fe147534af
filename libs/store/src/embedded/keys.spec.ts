import { join, lp, u64 } from '@cpns/core';
import { itHolds } from '@cpns/core/testing';
import fc from 'fast-check';
import { names } from '../testing/names';
import * as keys from './keys';

const { aggregate, name, member } = names;
const sequence = fc.bigInt(1n, 2n ** 53n - 1n);

describe('keys of the embedded store', () => {
  itHolds(
    'are taken apart into what they were made of (property)',
    [aggregate, name, member, sequence],
    (at, each, rest, number) => {
      expect(keys.parseKey(keys.recordKey(at, each))).toEqual({ ...at, type: 'r', name: each, rest: '' });
      expect(keys.parseKey(keys.memberKey(at, each, rest))).toEqual({ ...at, type: 's', name: each, rest });
      expect(keys.parseKey(keys.logKey(at, each))).toEqual({ ...at, type: 'l', name: each, rest: '' });
      expect(keys.parseKey(keys.dedupeKey(at, each, rest))).toEqual({ ...at, type: 'd', name: each, rest });
      expect(keys.parseKey(keys.entryKey(at, each, number))).toMatchObject({ ...at, type: 'e', name: each });
      expect(keys.recordOfExpiry(keys.expiryKey(Number(number), keys.recordKey(at, each)))).toEqual(
        keys.recordKey(at, each),
      );
    },
  );

  itHolds(
    'are one exactly when their names are (property)',
    [aggregate, name, member, aggregate, name, member],
    (at, each, rest, other, otherName, otherRest) => {
      const same = at.kind === other.kind && at.id === other.id && each === otherName;
      expect(keys.recordKey(at, each).equals(keys.recordKey(other, otherName))).toBe(same);
      const [one, two] = [keys.memberKey(at, each, rest), keys.memberKey(other, otherName, otherRest)];
      expect(one.equals(two)).toBe(same && rest === otherRest);
    },
  );

  it('lie in the ranges of their own set, log and aggregate, and of no other (property)', () => {
    const inside = (key: Buffer, { start, end }: keys.KeyRange) =>
      Buffer.compare(start, key) <= 0 && Buffer.compare(key, end) < 0;
    fc.assert(
      fc.property(aggregate, name, member, aggregate, name, sequence, (at, each, rest, other, otherName, number) => {
        const sameAggregate = at.kind === other.kind && at.id === other.id;
        const key = keys.memberKey(at, each, rest);
        expect(inside(key, keys.memberRange(at, each, undefined))).toBe(true);
        expect(inside(key, keys.memberRange(at, each, rest))).toBe(false);
        expect(inside(key, keys.memberRange(other, otherName, undefined))).toBe(sameAggregate && each === otherName);
        expect(inside(key, keys.aggregateRange(at))).toBe(true);
        expect(inside(key, keys.aggregateRange(other))).toBe(sameAggregate);
        expect(inside(key, keys.kindRange(at.kind, undefined))).toBe(true);
        expect(inside(key, keys.kindRange(at.kind, at.id))).toBe(false);
        expect(inside(key, keys.kindRange(other.kind, undefined))).toBe(at.kind === other.kind);
        expect(inside(key, keys.dataRange)).toBe(true);
        const entry = keys.entryKey(at, each, number);
        expect(inside(entry, keys.entryRange(at, each, number, number))).toBe(true);
        expect(inside(entry, keys.entryRange(at, each, number + 1n, number + 9n))).toBe(false);
        expect(inside(keys.expiryKey(Number(number), key), keys.expiryRange(Number(number)))).toBe(true);
        expect(inside(keys.expiryKey(Number(number), key), keys.expiryRange(Number(number) - 1))).toBe(false);
      }),
    );
  });

  it('stay below what LMDB takes, for the largest names', () => {
    const at = { kind: 'k'.repeat(64), id: '~'.repeat(512) };
    const largest = keys.memberKey(at, '~'.repeat(256), '~'.repeat(512));
    expect(largest.length).toBeLessThan(1_978);
    expect(keys.expiryKey(1, keys.recordKey(at, '~'.repeat(256))).length).toBeLessThan(1_978);
  });
});

describe('values of the embedded store', () => {
  const expiry = fc.option(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), { nil: undefined });
  itHolds(
    'are read as they were written (property)',
    [fc.uint8Array(), sequence, expiry, member],
    (bytes, number, expiresAt, dedupeId) => {
      const value = Buffer.from(bytes);
      expect(keys.decodeRecord(keys.encodeRecord(number, expiresAt, value))).toEqual({
        revision: number,
        expiresAt,
        value,
      });
      const entry = { dedupeId, value, entryId: Buffer.alloc(16, bytes.length) };
      expect(keys.decodeEntry(number, keys.encodeEntry(entry))).toEqual({ sequence: number, ...entry });
      const state = { last: number, trimmedTo: number - 1n, trimmedId: entry.entryId };
      expect(keys.decodeLogState(keys.encodeLogState(state))).toEqual(state);
      const old = { sequence: number, dedupeId, value, entryId: Buffer.from(String(number).padStart(16, '0')) };
      expect(keys.decodeEntry(number, join(lp(dedupeId), value))).toEqual(old);
      expect(keys.decodeLogState(join(u64(number), u64(number))).trimmedId).toEqual(old.entryId);
    },
  );

  it('keep a record that expired in 1970 from becoming one that stays', () => {
    expect(keys.decodeRecord(keys.encodeRecord(1n, 0, Buffer.alloc(0))).expiresAt).toBe(1);
  });
});
