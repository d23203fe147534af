import { itHolds } from '@cpns/core/testing';
import fc from 'fast-check';
import { names } from '../testing/names';
import { decodeRecord } from './encode-commit';
import { RedisKeys } from './keys';

const { aggregate, name } = names;

describe('keys of the Redis store', () => {
  const keys = new RedisKeys('cpns:');
  const types = { r: keys.record, s: keys.set, e: keys.stream, l: keys.state, d: keys.dedupe };

  itHolds('are taken apart into what they were made of (property)', [aggregate, name], (at, each) => {
    for (const [type, make] of Object.entries(types))
      expect(keys.parse(make(at, each))).toEqual({ ...at, type, name: each });
    expect(keys.parse(keys.inventory(at))).toEqual({ ...at, type: 'i', name: '' });
  });

  itHolds('have the whole aggregate, and nothing else, as their hash tag (property)', [aggregate, name], (at, each) => {
    for (const make of Object.values(types))
      expect(/^[^{]*\{([^}]*)\}/.exec(make(at, each))?.[1]).toBe(`${at.kind}/${at.id}`);
  });

  it.each(['cpns:{#kind}ids', 'cpns:{#kind}empty', 'other:{k/i}r:n', 'cpns:{k/i}x:n', 'cpns:x', ''])(
    'are not seen in %j',
    (key) => {
      expect(keys.parse(key)).toBeUndefined();
    },
  );

  it('name a channel for each database', () => {
    const at = { kind: 'k', id: 'i' };
    expect(keys.channel(0, at, 'l')).not.toBe(keys.channel(1, at, 'l'));
  });
});

describe('a record as commit.lua writes it', () => {
  itHolds(
    'is read whatever its value begins with (property)',
    [fc.bigInt(1n, 2n ** 53n), fc.option(fc.nat(), { nil: undefined }), fc.uint8Array()],
    (revision, expiresAt, bytes) => {
      const value = Buffer.concat([Buffer.from('7:'), bytes]);
      const stored = Buffer.concat([Buffer.from(`${revision}:${expiresAt ?? ''}:`), value]);
      expect(decodeRecord(stored)).toEqual({ revision, expiresAt, value });
    },
  );
});
