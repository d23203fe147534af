import { failureOf, reasonOf, itHolds } from '../testing';
import fc from 'fast-check';
import * as identity from '..';
import type { Check } from '..';

const accepted = 'accepted';
const label = 'a'.repeat(63);
// letters that look like ASCII ones: Cyrillic a, full-width a, Kelvin sign, dotless i, long s
const lookAlikes = ['\u0430', '\uff41', '\u212a', '\u0131', '\u017f'];
const never = [
  'a b',
  'a\n',
  '\na',
  'a\r\n',
  'a\u0000',
  'a/b',
  'a?b',
  'a#b',
  'a%41',
  'a:b',
  'a@b',
  'a\\b',
  '\u2028',
  'e\u0301',
  'a*',
];

const idRows: readonly [string, string][] = [
  ['', 'FIELD_MISSING'],
  ['a', accepted],
  ['A.b_c-9', accepted],
  ['-', accepted],
  ['_', accepted],
  ['a.', accepted],
  ['a..b', accepted],
  ['.', 'NAME_INVALID'],
  ['..', 'NAME_INVALID'],
  ['.a', 'NAME_INVALID'],
  ['x'.repeat(64), accepted],
  ['x'.repeat(65), 'FIELD_TOO_LONG'],
];
const labelRows: readonly [string, string][] = [
  ['', 'FIELD_MISSING'],
  ['0', accepted],
  ['-a-', accepted],
  [label, accepted],
  [`${label}a`, 'FIELD_TOO_LONG'],
  ['A', 'NAME_INVALID'],
  ['a.b', 'NAME_INVALID'],
  ['a_b', 'NAME_INVALID'],
];
const longestDomain = [label, label, 'b'.repeat(62)].join('.');

const table: Readonly<Record<string, { check: Check; rows: readonly [string, string][] }>> = {
  checkPnId: { check: identity.checkPnId, rows: labelRows },
  checkName: { check: identity.checkName, rows: labelRows },
  checkEntityId: { check: identity.checkEntityId, rows: idRows },
  checkGroupId: { check: identity.checkGroupId, rows: idRows },
  checkTokenId: { check: identity.checkTokenId, rows: idRows },
  checkFirstSeedId: { check: identity.checkFirstSeedId, rows: idRows },
  checkUserId: {
    check: identity.checkUserId,
    rows: [
      ['', accepted],
      ['.', accepted],
      ['Alice_1-x.y', accepted],
      ['u'.repeat(64), accepted],
      ['u'.repeat(65), 'FIELD_TOO_LONG'],
      ['a&user=b', 'NAME_INVALID'],
    ],
  },
  checkPresentUserId: {
    check: identity.checkPresentUserId,
    rows: [
      ['', 'FIELD_MISSING'],
      ['u', accepted],
    ],
  },
  checkTrustDomain: {
    check: identity.checkTrustDomain,
    rows: [
      ['', 'FIELD_MISSING'],
      ['td', accepted],
      ['example.net', accepted],
      [longestDomain, accepted],
      [`${longestDomain}b`, 'FIELD_TOO_LONG'],
      [`${label}a.net`, 'NAME_INVALID'],
      ['.net', 'NAME_INVALID'],
      ['example.', 'NAME_INVALID'],
      ['example..net', 'NAME_INVALID'],
      ['Example.net', 'NAME_INVALID'],
      ['ex_ample.net', 'NAME_INVALID'],
      ['xn--bcher-kva.example', accepted],
      ['bücher.example', 'NAME_INVALID'],
    ],
  },
};

describe.each(Object.entries(table))('%s', (_name, { check, rows }) => {
  it.each(rows)('%j: %s', (value, expected) => {
    expect(reasonOf(() => check(value))).toBe(expected);
  });

  it.each([...never, ...lookAlikes.flatMap((letter) => [letter, `a${letter}`])])('never %j', (value) => {
    expect(reasonOf(() => check(value))).toBe('NAME_INVALID');
  });

  it('returns what it was given, and names the field that is wrong without repeating its value', () => {
    expect(check('a', 'some field')).toBe('a');
    const error = failureOf(() => check('evil\nline', 'some field'));
    expect(error?.metadata).toEqual({ field: 'some field' });
    expect(error?.message).toContain('some field');
    expect(error?.message).not.toContain('evil');
  });
});

describe('the longest trust domain', () => {
  it('has 190 characters, and the longest URI 332', () => {
    expect(longestDomain).toHaveLength(identity.TRUST_DOMAIN_MAX_LENGTH);
    expect(identity.URI_MAX_LENGTH).toBe(332);
    expect(identity.SUBJECT_MAX_LENGTH).toBe(402);
  });
});

itHolds(
  'no id is taken that has a character outside the alphabet',
  [fc.string({ unit: 'binary', minLength: 1, maxLength: 70 })],
  (value) => {
    const bytes = [...Buffer.from(value, 'utf8')];
    const plain = bytes.every((byte) => /[A-Za-z0-9._-]/.test(String.fromCharCode(byte)));
    const due = plain && value.length <= 64 && !value.startsWith('.');
    expect(reasonOf(() => identity.checkEntityId(value)) === accepted).toBe(due);
  },
);
