import { join, lp, LP_MAX_BYTES, u64 } from '@cpns/core';
import fc from 'fast-check';
import { Message } from './formulas';

type Part =
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'lp'; readonly value: Uint8Array }
  | { readonly kind: 'raw'; readonly value: Uint8Array }
  | { readonly kind: 'u64'; readonly value: bigint | number }
  | { readonly kind: 'byte'; readonly value: number };

const bytes = fc.uint8Array({ maxLength: 1200 });
const part: fc.Arbitrary<Part> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 400 }).map((value) => ({ kind: 'text', value }) as const),
  bytes.map((value) => ({ kind: 'lp', value }) as const),
  bytes.map((value) => ({ kind: 'raw', value }) as const),
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map((value) => ({ kind: 'u64', value }) as const),
  fc.maxSafeNat().map((value) => ({ kind: 'u64', value }) as const),
  fc.nat(255).map((value) => ({ kind: 'byte', value }) as const),
);

const plainly = ({ kind, value }: Part): Uint8Array => {
  if (kind === 'text' || kind === 'lp') return lp(value);
  if (kind === 'raw') return value;
  return kind === 'u64' ? u64(value) : Buffer.of(value);
};

const add = (message: Message, { kind, value }: Part): Message => {
  if (kind === 'text') return message.text(value);
  if (kind === 'lp') return message.lp(value);
  if (kind === 'raw') return message.raw(value);
  return kind === 'u64' ? message.u64(value) : message.byte(value);
};

describe('Message', () => {
  it('writes what LP, u64 and juxtaposition write', () => {
    fc.assert(
      fc.property(fc.constantFrom('', 'cpns/v1/x'), fc.array(part, { maxLength: 12 }), (label, parts) => {
        const message = parts.reduce(add, new Message(label));
        expect(message.bytes().equals(join(label, ...parts.map(plainly)))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it.each([0, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER])('u64(%d)', (value) => {
    expect(new Message('').u64(value).bytes()).toEqual(u64(value));
  });

  it.each([
    ['a negative number', -1],
    ['a fraction', 0.5],
    ['a number that is not exact', 2 ** 53],
    ['no number', Number.NaN],
    ['a negative bigint', -1n],
    ['more than 8 bytes', 1n << 64n],
  ])('u64 refuses %s', (_what, value) => {
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
