import { hkdfSync, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { join, lp, LP_MAX_BYTES, u64 } from '@cpns/core';
import { failureOf, flipped, reasonOf, itHolds } from '@cpns/core/testing';
import { checkSize, hkdf, hkdfInfo, hmac, macMatches, Message, sha256 } from './formulas';

const hex = (text: string) => Buffer.from(text, 'hex');

describe('hkdf (RFC 5869)', () => {
  // Appendix A, tests 1 and 3; L is cut to one block, which is a prefix of theirs
  const A1 = '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf';
  const A3 = '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d';
  it.each([
    ['A.1', '0b'.repeat(22), hex('000102030405060708090a0b0c'), 'f0f1f2f3f4f5f6f7f8f9', A1],
    ['A.3, empty salt and info', '0b'.repeat(22), undefined, '', A3],
  ])('%s', (_what, ikm, salt, info, okm) => {
    expect(hkdf(hex(ikm), salt, hex(info)).toString('hex')).toBe(okm);
  });

  const some = fc.uint8Array({ maxLength: 100 });
  itHolds(
    'is what crypto.hkdfSync computes, for every length that is asked for here',
    [some, some, some, fc.integer({ min: 1, max: 32 })],
    (ikm, salt, info, length) => {
      const expected = Buffer.from(hkdfSync('sha256', ikm, salt, info, length));
      expect(hkdf(ikm, salt, info, length).equals(expected)).toBe(true);
    },
  );

  it('gives one block only', () => {
    expect(() => hkdf(Buffer.alloc(32), undefined, Buffer.alloc(0), 33)).toThrow(RangeError);
  });
});

it('hmac: RFC 4231, test case 2', () => {
  expect(hmac(Buffer.from('Jefe'), Buffer.from('what do ya want for nothing?')).toString('hex')).toBe(
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  );
});

it('sha256: FIPS 180-4 "abc", in one part or in three', () => {
  const expected = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  expect(sha256(Buffer.from('abc')).toString('hex')).toBe(expected);
  expect(sha256(Buffer.from('a'), Buffer.from('b'), Buffer.from('c')).toString('hex')).toBe(expected);
});

describe('macMatches', () => {
  const mac = randomBytes(32);

  it('takes the one MAC, and no other', () => {
    expect(macMatches(mac, Buffer.from(mac))).toBe(true);
    for (let at = 0; at < 32; at += 1) expect(macMatches(mac, flipped(mac, at))).toBe(false);
  });

  it.each([
    ['none', Buffer.alloc(0), 'FIELD_MISSING'],
    ['the first half', mac.subarray(0, 16), 'FIELD_SIZE'],
    ['one byte more', Buffer.concat([mac, Buffer.of(0)]), 'FIELD_SIZE'],
  ])('%s', (_what, given, reason) => {
    expect(reasonOf(() => macMatches(mac, given))).toBe(reason);
  });
});

it('checkSize names the field and its size', () => {
  const error = failureOf(() => checkSize(Buffer.alloc(15), 16, 'nonce'));
  expect(error).toMatchObject({ reason: 'FIELD_SIZE', metadata: { field: 'nonce', size: '16' } });
});

const field = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  fc.maxSafeNat(),
);
const plainly = (value: string | bigint | number): Buffer => (typeof value === 'string' ? lp(value) : u64(value));

const NOT_U64: readonly [string, bigint | number][] = [
  ['a negative number', -1],
  ['a fraction', 0.5],
  ['a number that is not exact', 2 ** 53],
  ['no number', Number.NaN],
  ['a negative bigint', -1n],
  ['more than 8 bytes', 1n << 64n],
];

describe('hkdfInfo', () => {
  itHolds(
    'is what LP, u64 and juxtaposition write',
    [fc.constantFrom('', 'cpns/v1/x'), fc.array(field, { maxLength: 8 })],
    (label, fields) => {
      const expected = join(label, ...fields.map(plainly));
      const info = hkdfInfo(label, ...fields);
      expect(Buffer.from(info, 'latin1').equals(expected)).toBe(true);
      const [ikm, salt] = [Buffer.alloc(32, 1), Buffer.alloc(16, 2)];
      expect(hkdf(ikm, salt, info).equals(hkdf(ikm, salt, expected))).toBe(true);
    },
    { numRuns: 500 },
  );

  it.each([0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER])('u64(%d)', (value) => {
    expect(Buffer.from(hkdfInfo('', value), 'latin1')).toEqual(u64(value));
    expect(hkdfInfo('', BigInt(value))).toBe(hkdfInfo('', value));
  });

  it.each<[string, string | bigint | number]>([
    ...NOT_U64,
    ['text over 65,535 bytes', 'x'.repeat(LP_MAX_BYTES + 1)],
    ['text over 65,535 bytes in UTF-8', '€'.repeat(21_846)],
  ])('refuses %s', (_what, value) => {
    expect(() => hkdfInfo('', value)).toThrow(RangeError);
  });
});

/** A part as it is written, and the call that adds it. */
interface Part {
  readonly written: Uint8Array;
  readonly add: (message: Message) => Message;
}

const bytes = fc.uint8Array({ maxLength: 1200 });
const part: fc.Arbitrary<Part> = fc.oneof(
  fc
    .string({ unit: 'binary', maxLength: 400 })
    .map((text) => ({ written: lp(text), add: (m: Message) => m.text(text) })),
  bytes.map((value) => ({ written: lp(value), add: (m: Message) => m.lp(value) })),
  bytes.map((value) => ({ written: value, add: (m: Message) => m.raw(value) })),
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map((n) => ({ written: u64(n), add: (m: Message) => m.u64(n) })),
  fc.maxSafeNat().map((n) => ({ written: u64(n), add: (m: Message) => m.u64(n) })),
  fc.nat(255).map((byte) => ({ written: Buffer.of(byte), add: (m: Message) => m.byte(byte) })),
);

describe('Message', () => {
  itHolds(
    'writes what LP, u64 and juxtaposition write',
    [fc.constantFrom('', 'cpns/v1/x'), fc.array(part, { maxLength: 12 })],
    (label, parts) => {
      const message = parts.reduce((message, { add }) => add(message), new Message(label));
      expect(message.bytes().equals(join(label, ...parts.map(({ written }) => written)))).toBe(true);
    },
    { numRuns: 500 },
  );

  it.each([0, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER])('u64(%d)', (value) => {
    expect(new Message('').u64(value).bytes()).toEqual(u64(value));
  });

  it.each(NOT_U64)('u64 refuses %s', (_what, value) => {
    expect(() => new Message('').u64(value)).toThrow(RangeError);
  });

  it('LP refuses more than 65,535 bytes, counted in UTF-8', () => {
    expect(new Message('').lp(Buffer.alloc(LP_MAX_BYTES)).bytes()).toHaveLength(LP_MAX_BYTES + 2);
    expect(() => new Message('').lp(Buffer.alloc(LP_MAX_BYTES + 1))).toThrow(RangeError);
    expect(() => new Message('').text('€'.repeat(21_846))).toThrow(RangeError);
    expect(new Message('').text('€'.repeat(21_845)).bytes()).toHaveLength(LP_MAX_BYTES + 2);
  });

  it('a label is short, and ASCII', () => {
    expect(new Message('x'.repeat(256)).byte(1).bytes()).toHaveLength(257);
    expect(() => new Message('x'.repeat(257))).toThrow(RangeError);
    expect(() => new Message('cpns/v1/é')).toThrow(RangeError);
  });

  it('messages do not share their bytes', () => {
    const first = new Message('first').bytes();
    new Message('second').raw(Buffer.alloc(5000, 7));
    expect(first.toString()).toBe('first');
  });
});
