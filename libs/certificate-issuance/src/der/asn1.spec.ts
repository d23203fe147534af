import { itHolds } from '@cpns/core/testing';
import { asn1 } from 'node-forge';
import fc from 'fast-check';
import {
  bits,
  bitsOf,
  boolean,
  booleanOf,
  contextBytes,
  contextOf,
  decode,
  DerError,
  encode,
  integer,
  nothing,
  octets,
  oid,
  oidOf,
  sequence,
  set,
  setOf,
  TrailingBytesError,
  unsignedOf,
  utf8,
  type Asn1,
} from './asn1';
import { OID } from './oids';

const hex = (text: string): Buffer => Buffer.from(text.replace(/ /g, ''), 'hex');

/** What reading comes to: `ok`, or the name of the error; only errors of reading are caught. */
function outcome(act: () => unknown): string {
  try {
    act();
    return 'ok';
  } catch (error) {
    if (error instanceof DerError) return error.name;
    throw error;
  }
}

describe('decode reads DER and no other BER (X.690, 10 and 11)', () => {
  it.each([
    ['a sequence', '30 03 02 01 05', 'ok'],
    ['a length that needs two bytes', `04 81 80 ${'00'.repeat(128)}`, 'ok'],
    ['nothing', '', 'DerError'],
    ['a tag alone', '30', 'DerError'],
    ['a value that ends early', '30 05 02 01 05', 'DerError'],
    ['bytes after the value', '30 03 02 01 05 00', 'TrailingBytesError'],
    ['a short length in long form', '30 81 03 02 01 05', 'DerError'],
    ['a length with a leading zero', `04 82 00 80 ${'00'.repeat(128)}`, 'DerError'],
    ['an indefinite length', '30 80 02 01 05 00 00', 'DerError'],
    ['an indefinite primitive', '04 80 01 00 00', 'DerError'],
    ['a length of 2^31', '30 84 80 00 00 00', 'DerError'],
    ['a length of more bytes than there are', '30 ff 01', 'DerError'],
    ['a tag of two bytes', '30 03 1f 21 00', 'DerError'],
    ['an INTEGER with a needless zero', '02 02 00 05', 'DerError'],
    ['an INTEGER with a needless ff', '02 02 ff 85', 'DerError'],
    ['an INTEGER without content', '02 00', 'DerError'],
    ['a child longer than its parent', '30 03 02 02 05', 'DerError'],
    ['nesting beyond any certificate', '30 22 '.repeat(17) + '05 00', 'DerError'],
    ['a BMPString of an odd length', '1e 03 00 41 00', 'DerError'],
  ])('%s', (_what, bytes, expected) => {
    expect(outcome(() => decode(hex(bytes), 1000))).toBe(expected);
  });

  it('refuses more than it was told to read, before parsing', () => {
    expect(outcome(() => decode(hex('04 02 00 00'), 4))).toBe('ok');
    expect(outcome(() => decode(hex('04 02 00 00'), 3))).toBe('DerError');
  });

  it('tells bytes after a value from bytes that are no value', () => {
    expect(() => decode(hex('05 00 05 00'), 10)).toThrow(TrailingBytesError);
    expect(() => decode(hex('05 01'), 10)).not.toThrow(TrailingBytesError);
  });

  it('keeps a BMPString as its bytes', () => {
    const der = hex('1e 04 00 41 20 ac');
    expect(encode(decode(der, 10))).toEqual(der);
  });
});

describe('values with one spelling', () => {
  it.each([
    ['TRUE is ff', () => booleanOf(decode(hex('01 01 ff'), 9), ''), 'ok'],
    ['TRUE is nothing else', () => booleanOf(decode(hex('01 01 01'), 9), ''), 'DerError'],
    ['unused bits are zero', () => bitsOf(decode(hex('03 02 01 81'), 9), ''), 'DerError'],
    ['at most seven bits are unused', () => bitsOf(decode(hex('03 02 08 00'), 9), ''), 'DerError'],
    ['no bits have no unused ones', () => bitsOf(decode(hex('03 01 01'), 9), ''), 'DerError'],
    ['a BIT STRING counts its unused bits', () => bitsOf(decode(hex('03 00'), 9), ''), 'DerError'],
    ['a SET OF in order', () => setOf(decode(hex('31 06 02 01 01 02 01 02'), 9), ''), 'ok'],
    ['a SET OF out of order', () => setOf(decode(hex('31 06 02 01 02 02 01 01'), 9), ''), 'DerError'],
    ['an OID', () => oidOf(decode(hex('06 03 55 04 03'), 9), ''), 'ok'],
    ['an OID with a padded arc', () => oidOf(decode(hex('06 04 55 04 80 03'), 9), ''), 'DerError'],
    ['an OID without content', () => oidOf(decode(hex('06 00'), 9), ''), 'DerError'],
    ['an OID that ends inside an arc', () => oidOf(decode(hex('06 03 55 04 83'), 9), ''), 'DerError'],
    ['a negative number', () => unsignedOf(decode(hex('02 01 80'), 9), ''), 'DerError'],
  ])('%s', (_what, act, expected) => {
    expect(outcome(act)).toBe(expected);
  });
});

const bytes = fc.uint8Array({ maxLength: 300 });

/** Any tree of the values that are written here. */
const { tree } = fc.letrec<{ tree: Asn1; leaf: Asn1; node: Asn1 }>((tie) => ({
  tree: fc.oneof({ maxDepth: 5 }, tie('leaf'), tie('node')),
  leaf: fc.oneof(
    bytes.map(octets),
    bytes.map((b) => integer(b)),
    bytes.map((b) => bits(b)),
    fc.string().map(utf8),
    fc.boolean().map(boolean),
    fc.constantFrom(...Object.values(OID)).map(oid),
    fc.constant(nothing()),
    fc.tuple(fc.integer({ min: 0, max: 29 }), bytes).map(([tag, b]) => contextBytes(tag, b)),
  ),
  node: fc.oneof(
    fc.array(tie('tree'), { maxLength: 4 }).map((items) => sequence(...items)),
    fc.array(tie('tree'), { maxLength: 4 }).map((items) => set(...items)),
    fc
      .tuple(fc.integer({ min: 0, max: 30 }), fc.array(tie('tree'), { maxLength: 3 }))
      .map(([tag, items]) => contextOf(tag, ...items)),
  ),
}));

describe('encode', () => {
  itHolds('writes what is read back', [tree], (node) => {
    const der = encode(node);
    expect(encode(decode(der, der.length))).toEqual(der);
  });

  itHolds('writes what node-forge writes', [tree], (node) => {
    // node-forge shortens what has the tag number of an INTEGER, of whatever class
    fc.pre(!JSON.stringify(node).includes('"tagClass":128,"type":2'));
    expect(encode(node).toString('hex')).toBe(asn1.toDer(node).toHex());
  });

  itHolds('writes numbers without needless bytes', [fc.bigInt({ min: 0n, max: 1n << 200n })], (number) => {
    const text = number.toString(16);
    const padded = Buffer.from(text.padStart(64, '0'), 'hex');
    expect(BigInt(`0x${unsignedOf(decode(encode(integer(padded)), 99), '').toString('hex')}`)).toBe(number);
  });
});

itHolds(
  'never throws anything but a DerError on bytes that it did not write',
  [fc.uint8Array({ maxLength: 200 })],
  (data) => {
    expect(['ok', 'DerError', 'TrailingBytesError']).toContain(outcome(() => decode(data, 200)));
  },
  { numRuns: 2000 },
);

itHolds(
  'accepts no second spelling of what it accepts',
  [tree, fc.nat(), fc.integer({ min: 1, max: 255 })],
  (node, at, flip) => {
    const der = encode(node);
    const altered = Buffer.from(der);
    altered[at % der.length] = (altered[at % der.length] ?? 0) ^ flip;
    if (outcome(() => decode(altered, 10_000)) === 'ok') expect(encode(decode(altered, 10_000))).toEqual(altered);
  },
  { numRuns: 1000 },
);
