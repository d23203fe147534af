import fc from 'fast-check';
import { EntityUserKey, FirstSeed, SecondSeed } from '@cpns/core';
import { reasonOf, SeededRandom, itHolds } from '@cpns/core/testing';
import {
  checkKeyId,
  credentialBytes,
  deriveConfirmKey,
  deriveEntityUserKey,
  deriveKeyId,
  deriveSecondSeed,
  deriveWrapKey,
  type EntityUserKeyTerms,
  KEY_ID_PATTERN,
  keyFormOf,
  keyIdBytes,
  keyIdText,
} from './entity-user-key';
import { deriveRenewAuthKey } from './renewal';

const random = new SeededRandom('entity-user-key');
const first = new FirstSeed(random.bytes(32));
const salt = random.bytes(16);
const terms: EntityUserKeyTerms = {
  firstSeedId: 'seed-1',
  gateway: 'cpns://pn1.td/pn-gw/gw',
  entity: 'cpns://pn1.td/pne/camera',
  user: 'alice',
  notAfter: 1_795_000_000_000,
};
const second = deriveSecondSeed(first, salt, terms);
const key = deriveEntityUserKey(first, second, terms);

it('gateway and Server come to the same key from the two seeds', () => {
  const shown = new SecondSeed(Buffer.from(second.expose()));
  expect(deriveEntityUserKey(new FirstSeed(first.expose()), shown, { ...terms }).equals(key)).toBe(true);
});

describe('a key, and its second seed, are of one', () => {
  it.each<[string, Partial<EntityUserKeyTerms>, boolean]>([
    ['first seed', { firstSeedId: 'seed-2' }, true],
    ['gateway', { gateway: 'cpns://pn1.td/pn-gw/other' }, true],
    ['entity', { entity: 'cpns://pn1.td/pne/other' }, true],
    ['user', { user: '' }, true],
    ['not-after, which a second seed does not have', { notAfter: terms.notAfter + 1 }, false],
  ])('%s', (_what, change, seedToo) => {
    const other = { ...terms, ...change };
    expect(deriveEntityUserKey(first, second, other).equals(key)).toBe(false);
    expect(deriveSecondSeed(first, salt, other).equals(second)).toBe(!seedToo);
  });

  it('first seed and salt', () => {
    const otherSeed = new FirstSeed(random.bytes(32));
    expect(deriveSecondSeed(otherSeed, salt, terms).equals(second)).toBe(false);
    expect(deriveSecondSeed(first, random.bytes(16), terms).equals(second)).toBe(false);
    expect(deriveEntityUserKey(otherSeed, second, terms).equals(key)).toBe(false);
    expect(deriveEntityUserKey(first, new SecondSeed(random.bytes(32)), terms).equals(key)).toBe(false);
  });
});

it.each([0, 15, 17, 32])('a salt of %d bytes is refused', (size) => {
  const reason = reasonOf(() => deriveSecondSeed(first, Buffer.alloc(size), terms));
  expect(reason).toBe(size === 0 ? 'FIELD_MISSING' : 'FIELD_SIZE');
});

describe('what follows from S', () => {
  const wrapTerms = { groupId: 'living-room', version: 1n, entity: terms.entity };

  it('is all different', () => {
    const other = new EntityUserKey(random.bytes(32));
    const changes = [{}, { version: 2n }, { groupId: 'kitchen' }, { entity: terms.gateway }];
    const all = [key, other].flatMap((secret) => [
      ...[secret, deriveConfirmKey(secret), deriveRenewAuthKey(secret)].map((one) => one.expose().toString('hex')),
      ...changes.map((change) =>
        deriveWrapKey(secret, { ...wrapTerms, ...change })
          .expose()
          .toString('hex'),
      ),
      deriveKeyId(secret).padEnd(64),
    ]);
    expect(new Set(all).size).toBe(all.length);
  });

  it('a key-id is 16 bytes in lower-case hex', () => {
    expect(deriveKeyId(key)).toMatch(KEY_ID_PATTERN);
  });
});

describe('a key-id in text', () => {
  itHolds('is the lower-case hex of its 16 bytes', [fc.uint8Array({ minLength: 16, maxLength: 16 })], (bytes) => {
    expect(keyIdBytes(keyIdText(bytes)).equals(bytes)).toBe(true);
  });

  it.each([
    ['nothing', '', 'FIELD_MISSING'],
    ['31 digits', 'a'.repeat(31), 'NAME_INVALID'],
    ['33 digits', 'a'.repeat(33), 'NAME_INVALID'],
    ['upper case', 'A'.repeat(32), 'NAME_INVALID'],
    ['a letter that is no digit', 'g'.repeat(32), 'NAME_INVALID'],
    ['a newline', `${'a'.repeat(32)}\n`, 'NAME_INVALID'],
    ['32 digits', '0'.repeat(32), 'accepted'],
  ])('%s', (_what, text, reason) => {
    expect(reasonOf(() => checkKeyId(text))).toBe(reason);
  });

  it.each([0, 15, 17, 32])('is not made of %d bytes', (size) => {
    expect(reasonOf(() => keyIdText(Buffer.alloc(size)))).toBe(size === 0 ? 'FIELD_MISSING' : 'FIELD_SIZE');
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
