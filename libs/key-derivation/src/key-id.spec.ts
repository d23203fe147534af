import { reasonOfAsync } from '@cpns/core/testing';
import fc from 'fast-check';
import { checkKeyId, credentialBytes, keyFormOf, keyIdBytes, keyIdText } from './entity-user-key';

describe('a key-id in text', () => {
  it('is the lower-case hex of its 16 bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        expect(keyIdBytes(keyIdText(bytes)).equals(bytes)).toBe(true);
      }),
    );
  });

  it.each([
    ['nothing', '', 'FIELD_MISSING'],
    ['31 digits', 'a'.repeat(31), 'NAME_INVALID'],
    ['33 digits', 'a'.repeat(33), 'NAME_INVALID'],
    ['upper case', 'A'.repeat(32), 'NAME_INVALID'],
    ['a letter that is no digit', 'g'.repeat(32), 'NAME_INVALID'],
    ['a newline', `${'a'.repeat(32)}\n`, 'NAME_INVALID'],
    ['32 digits', '0'.repeat(32), 'accepted'],
  ])('%s', async (_what, text, reason) => {
    expect(await reasonOfAsync(() => checkKeyId(text))).toBe(reason);
  });

  it.each([0, 15, 17, 32])('is not made of %d bytes', async (size) => {
    expect(await reasonOfAsync(() => keyIdText(Buffer.alloc(size)))).toBe(size === 0 ? 'FIELD_MISSING' : 'FIELD_SIZE');
  });
});

it('a credential is the text of a token-id or the bytes of a key-id', () => {
  expect(credentialBytes({ tokenId: 'ab'.repeat(16) })).toHaveLength(32);
  expect(credentialBytes({ keyId: 'ab'.repeat(16) })).toEqual(Buffer.alloc(16, 0xab));
});

it('a form-byte is 1 or 2', () => {
  const forms = Array.from({ length: 256 }, (_, byte) => keyFormOf(byte));
  expect(forms.map((form, byte) => [byte, form]).filter(([, form]) => form !== undefined)).toEqual([
    [1, 'secret'],
    [2, 'key-pair'],
  ]);
});
