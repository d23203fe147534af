import { failureOfAsync, flipped, reasonOfAsync } from '@cpns/core/testing';
import { hkdfSync, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { checkSize, hkdf, hmac, macMatches, sha256 } from './formulas';

const hex = (text: string) => Buffer.from(text, 'hex');

describe('hkdf (RFC 5869)', () => {
  // Appendix A, tests 1 and 3; L is cut to one block, which is a prefix of theirs
  it.each([
    [
      'A.1',
      '0b'.repeat(22),
      hex('000102030405060708090a0b0c'),
      'f0f1f2f3f4f5f6f7f8f9',
      '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf',
    ],
    [
      'A.3, empty salt and info',
      '0b'.repeat(22),
      undefined,
      '',
      '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d',
    ],
  ])('%s', (_what, ikm, salt, info, okm) => {
    expect(hkdf(hex(ikm), salt, hex(info)).toString('hex')).toBe(okm);
  });

  it('is what crypto.hkdfSync computes, for every length that is asked for here', () => {
    const some = fc.uint8Array({ maxLength: 100 });
    fc.assert(
      fc.property(some, some, some, fc.integer({ min: 1, max: 32 }), (ikm, salt, info, length) => {
        const expected = Buffer.from(hkdfSync('sha256', ikm, salt, info, length));
        expect(hkdf(ikm, salt, info, length).equals(expected)).toBe(true);
      }),
    );
  });

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
  ])('%s', async (_what, given, reason) => {
    expect(await reasonOfAsync(() => macMatches(mac, given))).toBe(reason);
  });
});

it('checkSize names the field and its size', async () => {
  const error = await failureOfAsync(() => checkSize(Buffer.alloc(15), 16, 'nonce'));
  expect(error).toMatchObject({ reason: 'FIELD_SIZE', metadata: { field: 'nonce', size: '16' } });
});
