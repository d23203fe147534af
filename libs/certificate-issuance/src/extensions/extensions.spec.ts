/** The extensions of RFC 5280, 4.2: what is written is read back, and what is not DER or not of a profile is refused. */
import { itHolds } from '@cpns/core/testing';
import fc from 'fast-check';
import { decode, DerError, encode, octets, sequence, type Asn1 } from '../der/asn1';
import { opensslOk } from '../testing';
import { EXTENSIONS, readContent, readExtension, readExtensions, type ExtensionId } from '.';
import type { BasicConstraints } from './basic-constraints';
import { crlNumber } from './crl-number';
import { extensionNode, type ExtensionCodec } from './extension';
import { EXTENDED_KEY_USAGES } from './extended-key-usage';
import { ipBytes } from './general-name';
import { KEY_USAGES } from './key-usage';
import { reasonCode } from './reason-code';

const hex = (text: string): Asn1 => decode(Buffer.from(text.replace(/ /g, ''), 'hex'), 1000);

function outcome(act: () => unknown): string {
  try {
    act();
    return 'ok';
  } catch (error) {
    if (error instanceof DerError) return 'refused';
    throw error;
  }
}

const ia5 = fc.stringMatching(/^[ -~]{0,40}$/);
const host = fc.stringMatching(/^[a-z0-9.-]{0,40}$/);
const generalName = fc.oneof(
  fc.record({ kind: fc.constantFrom('uri' as const, 'dns' as const, 'mail' as const), value: ia5 }),
  fc.record({ kind: fc.constant('ip' as const), value: fc.ipV4() }),
);
const subtree = fc.oneof(
  fc.record({ kind: fc.constantFrom('uri' as const, 'dns' as const, 'mail' as const), value: host }),
  fc.record({
    kind: fc.constant('ip' as const),
    value: fc.uint8Array({ minLength: 8, maxLength: 8 }).map((b) => Buffer.from(b).toString('hex')),
  }),
);
const trees = fc.array(subtree, { maxLength: 3 });
const keyId = fc.uint8Array({ minLength: 1, maxLength: 32 }).map((b) => Buffer.from(b));

function comesBack<T>(codec: ExtensionCodec<T>, values: fc.Arbitrary<T>): void {
  fc.assert(
    fc.property(values, fc.boolean(), (value, critical) => {
      const content = encode(codec.encode(value));
      expect(codec.decode(decode(content, 10_000))).toEqual(value);
      const written = decode(encode(extensionNode(codec, value, critical)), 10_000);
      expect(readExtension(written)).toMatchObject({ id: codec.oid, critical });
      expect(encode(readContent(readExtension(written).content))).toEqual(content);
    }),
  );
}

describe('what is written is read back', () => {
  const { basicConstraints, keyUsage, extendedKeyUsage, nameConstraints } = EXTENSIONS;
  const depth = fc.nat(300).map((pathLength) => ({ ca: true, pathLength }));
  const constraints = fc.record({ permitted: trees, excluded: trees });
  const names = fc.array(generalName, { minLength: 1, maxLength: 5 });
  const reasons = ['keyCompromise', 'cACompromise', 'superseded', 'privilegeWithdrawn'] as const;
  const notEmpty = constraints.filter(({ permitted, excluded }) => permitted.length + excluded.length > 0);

  it.each<[string, () => void]>([
    [
      'basic constraints',
      () =>
        comesBack(basicConstraints, fc.oneof(fc.constantFrom<BasicConstraints>({ ca: false }, { ca: true }), depth)),
    ],
    ['key usage', () => comesBack(keyUsage, fc.subarray([...KEY_USAGES], { minLength: 1 }))],
    ['extended key usage', () => comesBack(extendedKeyUsage, fc.subarray([...EXTENDED_KEY_USAGES], { minLength: 1 }))],
    ['subject alternative name', () => comesBack(EXTENSIONS.subjectAlternativeName, names)],
    ['name constraints', () => comesBack(nameConstraints, notEmpty)],
    ['subject key identifier', () => comesBack(EXTENSIONS.subjectKeyIdentifier, keyId)],
    ['authority key identifier', () => comesBack(EXTENSIONS.authorityKeyIdentifier, keyId)],
    ['CRL number', () => comesBack(crlNumber, fc.bigInt({ min: 0n, max: 1n << 159n }))],
    ['reason code', () => comesBack(reasonCode, fc.constantFrom(...reasons))],
  ])('%s', (_what, check) => check());
});

describe('a value that is refused', () => {
  const { subjectAlternativeName: san, extendedKeyUsage: eku, nameConstraints: constraints } = EXTENSIONS;
  it.each<[string, { decode(content: Asn1): unknown }, string]>([
    ['cA FALSE written out', EXTENSIONS.basicConstraints, '30 03 01 01 00'],
    ['a path length without an authority', EXTENSIONS.basicConstraints, '30 03 02 01 00'],
    ['a negative path length', EXTENSIONS.basicConstraints, '30 06 01 01 ff 02 01 ff'],
    ['basic constraints of three fields', EXTENSIONS.basicConstraints, '30 09 01 01 ff 02 01 00 02 01 00'],
    ['key usage without a bit', EXTENSIONS.keyUsage, '03 01 00'],
    ['key usage with zeros at its end', EXTENSIONS.keyUsage, '03 02 00 80'],
    ['key usage beyond decipherOnly', EXTENSIONS.keyUsage, '03 03 05 00 20'],
    ['no purpose', eku, '30 00'],
    ['any purpose', eku, '30 06 06 04 55 1d 25 00'],
    ['a purpose twice', eku, '30 14 06 08 2b 06 01 05 05 07 03 02 06 08 2b 06 01 05 05 07 03 02'],
    ['no name', san, '30 00'],
    ['a name with a zero byte', san, '30 05 86 03 61 00 62'],
    ['a name with a newline', san, '30 04 86 02 61 0a'],
    ['a name beyond ASCII', san, '30 04 86 02 c3 a9'],
    ['an address of 5 bytes', san, '30 07 87 05 00 00 00 00 00'],
    ['a good name before one with a zero byte', san, '30 0a 86 03 61 3a 62 82 03 61 00 62'],
    ['a good name after one with a newline', san, '30 09 86 02 61 0a 86 03 61 3a 62'],
    ['a good name before an address of 5 bytes', san, '30 0c 86 03 61 3a 62 87 05 00 00 00 00 00'],
    ['no subtrees', constraints, '30 00'],
    ['an empty list of subtrees', constraints, '30 02 a0 00'],
    ['the lists in the wrong order', constraints, '30 10 a1 06 30 04 86 02 61 61 a0 06 30 04 86 02 61 61'],
    ['a list twice', constraints, '30 10 a0 06 30 04 86 02 61 61 a0 06 30 04 86 02 61 61'],
    ['a subtree with a minimum', constraints, '30 0b a0 09 30 07 86 02 61 61 80 01 00'],
    ['a subtree of a directory name', constraints, '30 08 a0 06 30 04 a4 02 30 00'],
    ['a key identifier that is no OCTET STRING', EXTENSIONS.subjectKeyIdentifier, '03 02 00 00'],
    ['an authority by its serial number', EXTENSIONS.authorityKeyIdentifier, '30 03 82 01 05'],
    ['reason 8, removed from a list', reasonCode, '0a 01 08'],
    ['reason 0, which is left out', reasonCode, '0a 01 00'],
  ])('%s', (_what, codec, bytes) => {
    const content = hex(bytes);
    expect(outcome(() => codec.decode(content))).toBe('refused');
  });
});

describe('the list of extensions', () => {
  const good = () => [
    extensionNode(EXTENSIONS.basicConstraints, { ca: false }, true),
    extensionNode(EXTENSIONS.subjectKeyIdentifier, Buffer.alloc(20), false),
  ];

  it.each<[string, (list: Asn1[]) => Asn1[]]>([
    ['an extension twice', (list) => [...list, ...list.slice(0, 1)]],
    ['an extension of no profile', (list) => [...list, hex('30 09 06 03 55 1d 1f 04 02 30 00')]],
    ['the same as critical', (list) => [...list, hex('30 0c 06 03 55 1d 1f 01 01 ff 04 02 30 00')]],
    ['critical FALSE written out', () => [hex('30 0c 06 03 55 1d 13 01 01 00 04 02 30 00')]],
    ['an extension without a value', () => [hex('30 05 06 03 55 1d 13')]],
    ['bytes after a value', () => [hex('30 0b 06 03 55 1d 13 04 04 30 00 05 00')]],
    ['a field more', () => [hex('30 0b 06 03 55 1d 13 04 02 30 00 05 00')]],
    ['something that is no extension', (list) => [...list, octets(Buffer.alloc(1))]],
  ])('does not hold %s', (_what, edit) => {
    expect(outcome(() => readExtensions(sequence(...good())))).toBe('ok');
    expect(outcome(() => readExtensions(sequence(...edit(good()))))).toBe('refused');
  });

  itHolds(
    'is refused or read, whatever its bytes',
    [fc.constantFrom(...(Object.keys(EXTENSIONS) as ExtensionId[])), fc.uint8Array({ maxLength: 60 })],
    (id, data) => {
      expect(['ok', 'refused']).toContain(outcome(() => EXTENSIONS[id].decode(decode(data, 60))));
    },
    { numRuns: 2000 },
  );
});

describe('addresses', () => {
  it.each([
    ['127.0.0.1', '7f000001'],
    ['::', '00'.repeat(16)],
    ['::1', `${'00'.repeat(15)}01`],
    ['fe80::', `fe80${'00'.repeat(14)}`],
    ['2001:db8::8:800:200c:417a', '20010db80000000000080800200c417a'],
    ['::ffff:192.0.2.1', '00000000000000000000ffffc0000201'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
  ])('%s', (text, bytes) => {
    expect(ipBytes(text).toString('hex')).toBe(bytes);
  });

  it.each(['', 'localhost', '1.2.3', '::1%eth0', '1.2.3.4.5', ':::'])('%j is none', (text) => {
    expect(() => ipBytes(text)).toThrow(RangeError);
  });

  it('are written as OpenSSL reads them', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const canonical = new URL(`http://[${text}]`).hostname.slice(1, -1);
        expect(ipBytes(text)).toEqual(ipBytes(canonical));
      }),
    );
    const der = encode(extensionNode(EXTENSIONS.subjectAlternativeName, [{ kind: 'ip', value: 'fe80::1:2' }], false));
    expect(opensslOk(['asn1parse', '-inform', 'DER'], der).toString()).toContain(
      '[HEX DUMP]:30128710FE800000000000000000000000010002',
    );
  });
});
