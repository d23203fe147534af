import { reasonOf, itHolds } from './testing';
import fc from 'fast-check';
import { join, lp, LP_MAX_BYTES, Reader, u64 } from '.';

const bytes = (max = 300) => fc.uint8Array({ maxLength: max });
const u64Value = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const text = fc.string({ unit: 'binary', maxLength: 100 });

describe('lp (protocol.md, "Notation")', () => {
  it.each([
    ['nothing', '', '0000'],
    ['ASCII', 'pn1', '0003706e31'],
    ['text outside ASCII is UTF-8, and its length counts bytes', 'é€', '0005c3a9e282ac'],
    ['bytes', Buffer.from('00ff', 'hex'), '000200ff'],
  ])('%s', (_what, value, expected) => {
    expect(lp(value).toString('hex')).toBe(expected);
  });

  it('carries 65,535 bytes and no more', () => {
    expect(lp(Buffer.alloc(LP_MAX_BYTES)).subarray(0, 2).toString('hex')).toBe('ffff');
    expect(() => lp(Buffer.alloc(LP_MAX_BYTES + 1))).toThrow(RangeError);
    expect(() => lp('é'.repeat(LP_MAX_BYTES / 2 + 1))).toThrow(RangeError);
  });

  itHolds('is read back as it was written', [bytes()], (value) => {
    const reader = new Reader(lp(value), 'a value');
    expect(reader.lp().equals(value)).toBe(true);
    reader.end();
  });

  const list = fc.array(bytes(8), { maxLength: 4 });
  itHolds(
    'joins to different bytes for different lists, which plain concatenation would not',
    [list, list],
    (a, b) => {
      const same = a.length === b.length && a.every((value, i) => Buffer.compare(value, b[i]!) === 0);
      expect(join(...a.map(lp)).equals(join(...b.map(lp)))).toBe(same);
    },
    {
      examples: [
        [
          [Uint8Array.of(1), Uint8Array.of(2, 3)],
          [Uint8Array.of(1, 2), Uint8Array.of(3)],
        ],
      ],
    },
  );
});

describe('u64', () => {
  it.each([
    ['0', 0, '0000000000000000'],
    ['a number', 1_767_225_600_000, '0000019b76daa800'],
    ['the largest', (1n << 64n) - 1n, 'ffffffffffffffff'],
  ])('%s', (_what, value, expected) => {
    expect(u64(value).toString('hex')).toBe(expected);
  });

  it.each([-1, -1n, 1n << 64n, 0.5, Number.NaN, Infinity])('refuses %p', (value) => {
    expect(() => u64(value)).toThrow(RangeError);
  });

  itHolds('is read back as it was written', [u64Value], (value) =>
    expect(new Reader(u64(value), 'a number').u64()).toBe(value),
  );

  itHolds('keeps order: greater numbers are greater bytes', [u64Value, u64Value], (a, b) => {
    expect(Buffer.compare(u64(a), u64(b))).toBe(a < b ? -1 : a > b ? 1 : 0);
  });
});

describe('join', () => {
  it('puts labels in as ASCII without terminator, and bytes as they are', () => {
    expect(join('cpns/v1', Uint8Array.of(0, 255), '').toString('hex')).toBe('63706e732f763100ff');
  });
});

describe('Reader', () => {
  type Field = { kind: 'lp'; value: Uint8Array } | { kind: 'text'; value: string } | { kind: 'u64'; value: bigint };
  const field: fc.Arbitrary<Field> = fc.oneof(
    bytes(40).map((value): Field => ({ kind: 'lp', value })),
    text.map((value): Field => ({ kind: 'text', value })),
    u64Value.map((value): Field => ({ kind: 'u64', value })),
  );
  const message = fc.array(field, { minLength: 1, maxLength: 6 });
  const write = (fields: Field[]) =>
    join(...fields.map(({ kind, value }) => (kind === 'u64' ? u64(value) : lp(value))));
  const read = (written: Uint8Array, fields: Field[]) => {
    const reader = new Reader(written, 'the message');
    const values = fields.map(({ kind }) =>
      kind === 'u64' ? reader.u64() : kind === 'lp' ? new Uint8Array(reader.lp()) : reader.lpText(),
    );
    reader.end();
    return values;
  };

  itHolds('reads any sequence of fields back', [message], (fields) => {
    expect(read(write(fields), fields)).toEqual(fields.map(({ value }) => value));
  });

  itHolds('refuses a message that is cut short anywhere', [message, fc.nat()], (fields, at) => {
    const written = write(fields);
    const cut = written.subarray(0, at % written.length);
    expect(reasonOf(() => read(cut, fields))).toBe('MALFORMED_MESSAGE');
  });

  itHolds(
    'refuses a message with bytes after its end',
    [message, fc.uint8Array({ minLength: 1, maxLength: 5 })],
    (fields, more) => {
      expect(reasonOf(() => read(join(write(fields), more), fields))).toBe('MALFORMED_MESSAGE');
    },
  );

  it('never reads beyond the view that it was given', () => {
    const whole = Buffer.from('0004aabbccdd', 'hex');
    const reader = new Reader(whole.subarray(0, 4), 'a view');
    expect(reasonOf(() => reader.lp())).toBe('MALFORMED_MESSAGE');
  });

  itHolds('accepts what it wrote, and nothing else, from arbitrary bytes', [bytes(20)], (input) => {
    const reader = new Reader(input, 'input');
    let value: Buffer;
    try {
      value = reader.lp();
      reader.end();
    } catch (error) {
      expect(error).toMatchObject({ name: 'CpnsError', reason: 'MALFORMED_MESSAGE' });
      return;
    }
    expect(lp(value).equals(input)).toBe(true);
  });

  it.each([
    ['a lone continuation byte', '80'],
    ['an over-long slash', 'c0af'],
    ['a surrogate half', 'eda080'],
    ['a sequence that is cut short', 'e282'],
    ['a code point above U+10FFFF', 'f4908080'],
  ])('refuses text that is not UTF-8: %s', (_what, hex) => {
    const written = lp(Buffer.from(hex, 'hex'));
    expect(reasonOf(() => new Reader(written, 'a name').lpText())).toBe('MALFORMED_MESSAGE');
  });

  it('hands out copies, so that the message may be reused', () => {
    const written = lp(Uint8Array.of(1, 2));
    const value = new Reader(written, 'a value').lp();
    written.fill(0);
    expect([...value]).toEqual([1, 2]);
  });

  it('counts what is left, and says what it was reading', () => {
    const reader = new Reader(Uint8Array.of(7, 8, 9), 'the proof');
    expect(reader.byte()).toBe(7);
    expect(reader.remaining()).toBe(2);
    expect(() => reader.end()).toThrow('the proof has 2 bytes too many');
    expect(() => reader.take(3)).toThrow('the proof ends early');
  });
});
