import { join, lp, LP_MAX_BYTES, u64 } from '@cpns/core';
import fc from 'fast-check';
import { hkdf, hkdfInfo } from './formulas';

const field = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  fc.maxSafeNat(),
);
const plainly = (value: string | bigint | number): Buffer => (typeof value === 'string' ? lp(value) : u64(value));

describe('hkdfInfo', () => {
  it('is what LP, u64 and juxtaposition write', () => {
    fc.assert(
      fc.property(fc.constantFrom('', 'cpns/v1/x'), fc.array(field, { maxLength: 8 }), (label, fields) => {
        const expected = join(label, ...fields.map(plainly));
        const info = hkdfInfo(label, ...fields);
        expect(Buffer.from(info, 'latin1').equals(expected)).toBe(true);
        const [ikm, salt] = [Buffer.alloc(32, 1), Buffer.alloc(16, 2)];
        expect(hkdf(ikm, salt, info).equals(hkdf(ikm, salt, expected))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it.each([0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER])('u64(%d)', (value) => {
    expect(Buffer.from(hkdfInfo('', value), 'latin1')).toEqual(u64(value));
    expect(hkdfInfo('', BigInt(value))).toBe(hkdfInfo('', value));
  });

  it.each([
    ['a negative number', -1],
    ['a fraction', 0.5],
    ['a number that is not exact', 2 ** 53],
    ['no number', Number.NaN],
    ['a negative bigint', -1n],
    ['more than 8 bytes', 1n << 64n],
    ['text over 65,535 bytes', 'x'.repeat(LP_MAX_BYTES + 1)],
    ['text over 65,535 bytes in UTF-8', '€'.repeat(21_846)],
  ])('refuses %s', (_what, value) => {
    expect(() => hkdfInfo('', value)).toThrow(RangeError);
  });
});
