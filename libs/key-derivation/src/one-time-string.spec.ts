import { inspect } from 'node:util';
import { join, lp, TokenSecret } from '@cpns/core';
import { failureOf, reasonOf, SeededRandom, itHolds } from '@cpns/core/testing';
import fc from 'fast-check';
import {
  formatOneTimeString,
  ONE_TIME_STRING_MAX_LENGTH,
  parseOneTimeString,
  type OneTimeString,
} from './one-time-string';

const random = new SeededRandom('one-time string');
const content: OneTimeString = {
  tokenId: 'tok-1',
  secret: new TokenSecret(random.bytes(32)),
  rootDigest: random.bytes(32),
  entity: 'cpns://pn1.td/pne/camera',
  user: 'alice',
  form: 'secret',
  peer: 'cpns://td/service/cpns-server',
  endpoint: '127.0.0.1:8443',
};
const text = formatOneTimeString(content);

interface Raw {
  readonly tokenId: string | Buffer;
  readonly secret: Buffer;
  readonly rootDigest: Uint8Array;
  readonly entity: string;
  readonly user: string;
  readonly form: number;
  readonly peer: string;
  readonly endpoint: string;
  readonly rest: string;
}
// written here by hand, so that what format would refuse can be read
const raw = (change: Partial<Raw> = {}): string => {
  const all: Raw = { ...content, secret: content.secret.expose(), form: 1, rest: '', ...change };
  const head = join(lp(all.tokenId), all.secret, all.rootDigest, lp(all.entity), lp(all.user), Buffer.of(all.form));
  return `cpns1.${join(head, lp(all.peer), lp(all.endpoint), all.rest).toString('base64url')}`;
};

describe('the one-time string', () => {
  it('is what its layout says', () => {
    expect(raw()).toBe(text);
  });

  it.each<[string, string, string]>([
    ['as it is', text, 'accepted'],
    ['form 2', raw({ form: 2 }), 'accepted'],
    ['a gateway as the peer', raw({ peer: 'cpns://pn1.td/pn-gw/gw' }), 'accepted'],
    ['nothing', '', 'FIELD_MISSING'],
    ['the prefix alone', 'cpns1.', 'MALFORMED_MESSAGE'],
    ['no prefix', text.slice(6), 'MALFORMED_MESSAGE'],
    ['another version', text.replace('cpns1.', 'cpns2.'), 'MALFORMED_MESSAGE'],
    ['the prefix in upper case', text.replace('cpns1.', 'CPNS1.'), 'MALFORMED_MESSAGE'],
    ['a space before', ` ${text}`, 'MALFORMED_MESSAGE'],
    ['a newline after', `${text}\n`, 'MALFORMED_MESSAGE'],
    ['a space within', `${text.slice(0, 40)} ${text.slice(40)}`, 'MALFORMED_MESSAGE'],
    ['padding', `${text}=`, 'MALFORMED_MESSAGE'],
    ['the other base64 alphabet', text.replace(/[-_]/, '+'), 'MALFORMED_MESSAGE'],
    ['a character of no alphabet', `${text.slice(0, -1)}*`, 'MALFORMED_MESSAGE'],
    ['the last character lost', text.slice(0, -1), 'MALFORMED_MESSAGE'],
    ['a character more', `${text}A`, 'MALFORMED_MESSAGE'],
    ['a byte more', raw({ rest: '\0' }), 'MALFORMED_MESSAGE'],
    ['over the limit', `cpns1.${'A'.repeat(ONE_TIME_STRING_MAX_LENGTH)}`, 'FIELD_TOO_LONG'],
    ['form 0', raw({ form: 0 }), 'MALFORMED_MESSAGE'],
    ['form 3', raw({ form: 3 }), 'MALFORMED_MESSAGE'],
    ['no token-id', raw({ tokenId: '' }), 'FIELD_MISSING'],
    ['a token-id outside its pattern', raw({ tokenId: '../x' }), 'NAME_INVALID'],
    ['a token-id that is not UTF-8', raw({ tokenId: Buffer.of(0x61, 0xff) }), 'MALFORMED_MESSAGE'],
    ['a token-id of 65 characters', raw({ tokenId: 't'.repeat(65) }), 'FIELD_TOO_LONG'],
    ['a secret of 31 bytes', raw({ secret: Buffer.alloc(31, 1) }), 'MALFORMED_MESSAGE'],
    ['no entity', raw({ entity: '' }), 'FIELD_MISSING'],
    ['a service as the entity', raw({ entity: 'cpns://td/service/x' }), 'NAME_INVALID'],
    ['an entity with a user', raw({ entity: 'cpns://pn1.td/pne/camera?user=a' }), 'NAME_INVALID'],
    ['user information', raw({ entity: 'cpns://pn1.td:x@pn2.td/pne/camera' }), 'NAME_INVALID'],
    ['a user outside its pattern', raw({ user: 'a b' }), 'NAME_INVALID'],
    ['no peer', raw({ peer: '' }), 'FIELD_MISSING'],
    ['an operator as the peer', raw({ peer: 'cpns://td/operator/root' }), 'NAME_INVALID'],
    ['a PNE as the peer', raw({ peer: 'cpns://pn1.td/pne/other' }), 'NAME_INVALID'],
    ['a peer with a user', raw({ peer: 'cpns://pn1.td/pn-gw/gw?user=a' }), 'NAME_INVALID'],
    ['no endpoint', raw({ endpoint: '' }), 'FIELD_MISSING'],
    ['an endpoint without a port', raw({ endpoint: 'localhost' }), 'NAME_INVALID'],
  ])('%s', (_what, given, reason) => {
    expect(reasonOf(() => parseOneTimeString(given))).toBe(reason);
  });

  it('has one spelling: spare bits of the last character are zero', () => {
    // lengths of all remainders modulo 3, so that there are spare bits in two of them
    for (const user of ['a', 'ab', 'abc']) {
      const given = raw({ user });
      const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
      const bits = Buffer.from(given.slice(6), 'base64url');
      const same = [...alphabet]
        .map((letter) => given.slice(0, -1) + letter)
        .filter((other) => Buffer.from(other.slice(6), 'base64url').equals(bits));
      const taken = [];
      for (const other of same) if (reasonOf(() => parseOneTimeString(other)) === 'accepted') taken.push(other);
      expect(taken).toEqual([given]);
    }
  });

  it.each<[string, Partial<OneTimeString>, string]>([
    ['a token-id outside its pattern', { tokenId: '.x' }, 'NAME_INVALID'],
    ['a digest of 20 bytes', { rootDigest: Buffer.alloc(20) }, 'FIELD_SIZE'],
    ['an entity that is none', { entity: 'camera' }, 'NAME_INVALID'],
    ['a user outside its pattern', { user: '?' }, 'NAME_INVALID'],
    ['a PNE as the peer', { peer: 'cpns://pn1.td/pne/other' }, 'NAME_INVALID'],
    ['an endpoint that is none', { endpoint: 'h:0' }, 'NAME_INVALID'],
  ])('is not written with %s', (_what, change, reason) => {
    expect(reasonOf(() => formatOneTimeString({ ...content, ...change }))).toBe(reason);
  });

  const id = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);
  const host = fc.constantFrom('h', '[::1]', [63, 63, 63, 61].map((size) => 'h'.repeat(size)).join('.'));
  const pn = fc.constantFrom('a.b', `${'p'.repeat(63)}.${[63, 63, 62].map((size) => 'd'.repeat(size)).join('.')}`);
  itHolds(
    'is read back as it was written, up to the greatest length',
    [id, id, id, pn, host, fc.boolean()],
    (tokenId, entityId, user, authority, at, secretForm) => {
      const given: OneTimeString = {
        ...content,
        tokenId,
        entity: `cpns://${authority}/pn-gw/${entityId}`,
        user,
        form: secretForm ? 'secret' : 'key-pair',
        peer: `cpns://${authority}/pn-gw/${entityId}`,
        endpoint: `${at}:65535`,
      };
      const { secret, ...rest } = parseOneTimeString(formatOneTimeString(given));
      const { secret: expected, ...names } = given;
      expect(rest).toEqual(names);
      expect(secret.equals(expected)).toBe(true);
    },
  );

  it('with every field at its limit is as long as is taken', () => {
    const authority = `${'p'.repeat(63)}.${[63, 63, 62].map((size) => 'd'.repeat(size)).join('.')}`;
    const entity = `cpns://${authority}/pn-gw/${'e'.repeat(64)}`;
    const endpoint = `${[63, 63, 63, 61].map((size) => 'h'.repeat(size)).join('.')}:65535`;
    const longest = { ...content, tokenId: 't'.repeat(64), entity, peer: entity, user: 'u'.repeat(64), endpoint };
    expect(formatOneTimeString(longest)).toHaveLength(ONE_TIME_STRING_MAX_LENGTH);
  });

  itHolds(
    'one changed character never gives the same content',
    [fc.nat(text.length - 1), fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 1 })],
    (at, other) => {
      const changed = text.slice(0, at) + other + text.slice(at + 1);
      fc.pre(changed !== text);
      reasonOf(() => expect(formatOneTimeString(parseOneTimeString(changed))).toBe(changed));
    },
    { numRuns: 500 },
  );

  it('does not show its secret when it is printed or refused', () => {
    const shown = `${inspect(parseOneTimeString(text))}${JSON.stringify(parseOneTimeString(text))}`;
    const error = failureOf(() => parseOneTimeString(raw({ endpoint: 'nowhere' })));
    for (const encoding of ['hex', 'base64', 'base64url', 'latin1'] as const) {
      const secret = content.secret.expose().toString(encoding);
      expect(shown).not.toContain(secret);
      expect(`${error?.message}${JSON.stringify(error?.metadata)}`).not.toContain(secret);
    }
  });
});
