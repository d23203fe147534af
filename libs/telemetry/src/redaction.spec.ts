import { CpnsError, EntityUserKey, TokenSecret } from '@cpns/core';
import fc from 'fast-check';
import { describeError, isSecretName, redact, REDACTED, scrub } from '.';

const bytes = Buffer.from('00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff', 'hex');

/** Every way in which someone might come across these bytes in a log. */
const encodings = (secret: Uint8Array): string[] => {
  const buffer = Buffer.from(secret);
  return [
    buffer.toString('hex'),
    buffer.toString('hex').toUpperCase(),
    buffer.toString('base64').replace(/=+$/, ''),
    buffer.toString('base64url'),
    buffer.toString('latin1'),
    [...buffer].join(','),
  ];
};

describe('values that never show', () => {
  test.each<[string, unknown, unknown]>([
    ['a secret', new EntityUserKey(bytes), REDACTED],
    ['a Buffer', bytes, '<32 bytes>'],
    ['a Uint8Array', new Uint8Array(5), '<5 bytes>'],
    ['a DataView', new DataView(new ArrayBuffer(7)), '<7 bytes>'],
    ['an ArrayBuffer', new ArrayBuffer(9), '<9 bytes>'],
    ['a Buffer as JSON has it', bytes.toJSON(), '<32 bytes>'],
    ['an array of bytes', [...bytes], '<32 bytes>'],
    ['a one-time string', 'use cpns1.AbC-_9 now', `use cpns1.${REDACTED} now`],
    [
      'a private key',
      'a\n-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----\nb',
      `a\n${REDACTED} private key\nb`,
    ],
    ['a private key that was cut off', '-----BEGIN PRIVATE KEY-----\nMHcC', `${REDACTED} private key`],
    ['a function', () => bytes, '[function]'],
  ])('%s', (_what, value, shown) => {
    expect(redact(value)).toEqual(shown);
    expect(redact({ field: value })).toEqual({ field: shown });
    expect(redact([value])).toEqual([shown]);
  });

  test('by name', () => {
    const fields = {
      seed: 'x',
      firstSeed: 'x',
      client_key: 'x',
      token: 'x',
      MAC: 'x',
      tokenId: 't',
      keyId: 'k',
      publicKey: 'p',
    };
    expect(redact(fields)).toEqual({
      ...Object.fromEntries(['seed', 'firstSeed', 'client_key', 'token', 'MAC'].map((name) => [name, REDACTED])),
      tokenId: 't',
      keyId: 'k',
      publicKey: 'p',
    });
  });

  test.each([
    ['secondSeed', true],
    ['entity_user_key', true],
    ['x-auth-token', true],
    ['tokenId', false],
    ['keyForm', false],
    ['hpkePublicKey', false],
    ['monkey', false],
    ['', false],
  ])('the name %p is a secret one: %p', (name, expected) => expect(isSecretName(name)).toBe(expected));

  test('bytes anywhere in any shape show in no encoding', () => {
    const secret = fc.uint8Array({ minLength: 16, maxLength: 48 }).filter((array) => new Set(array).size > 4);
    const around = (leaf: fc.Arbitrary<unknown>) =>
      fc.letrec<{ tree: unknown }>((tie) => ({
        tree: fc.oneof(
          { maxDepth: 8 },
          leaf,
          fc.array(tie('tree'), { maxLength: 3 }),
          fc.dictionary(fc.string({ maxLength: 8 }), tie('tree'), { maxKeys: 3 }),
          tie('tree').map((value) => new Map([['inner', value]])),
          tie('tree').map((value) => new Set([value])),
          tie('tree').map((value) => new Error('failed', { cause: value })),
        ),
      })).tree;
    const cases = secret.chain((value) => {
      const forms = [value, Buffer.from(value), [...value], Buffer.from(value).toJSON()];
      return fc.tuple(fc.constant(value), around(fc.constantFrom<unknown>(...forms)));
    });
    fc.assert(
      fc.property(cases, ([value, tree]) => {
        const line = JSON.stringify(redact(tree));
        for (const form of encodings(value)) expect(line).not.toContain(form);
      }),
    );
  });
});

describe('values that show', () => {
  test.each<[string, unknown, unknown]>([
    ['text', 'plain', 'plain'],
    ['a number', 5, 5],
    ['a bigint', 5n, '5'],
    ['null', null, null],
    ['a date', new Date(0), '1970-01-01T00:00:00.000Z'],
    ['an invalid date', new Date(NaN), 'Invalid Date'],
    ['a short list of numbers', [1, 2, 3], [1, 2, 3]],
    ['a map', new Map([['a', 1n]]), { a: '1' }],
    ['a name that every object has', JSON.parse('{"__proto__":1}'), JSON.parse('{"__proto__":1}')],
  ])('%s', (_what, value, shown) => expect(redact(value)).toEqual(shown));

  test('not without end: depth, length and text are bounded', () => {
    let deep: unknown = 'bottom';
    for (let depth = 0; depth < 20; depth += 1) deep = { deep };
    expect(JSON.stringify(redact(deep))).toContain('[deeper]');
    expect(redact(Array.from({ length: 1_000 }, () => 'x'))).toHaveLength(51);
    expect(scrub('x'.repeat(10_000)).length).toBeLessThan(4_200);
  });

  test('a cycle ends', () => {
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    expect(() => JSON.stringify(redact(cycle))).not.toThrow();
  });
});

describe('errors', () => {
  test('show code, reason, metadata and the whole chain of causes', () => {
    const root = Object.assign(new Error('connect failed'), { code: 'ECONNREFUSED' });
    const error = new CpnsError('DEPENDENCY_UNAVAILABLE', 'the store does not answer', {
      metadata: { store: 'redis' },
      cause: new Error('read failed', { cause: root }),
    });
    expect(describeError(error)).toMatchObject({
      type: 'CpnsError',
      code: 'UNAVAILABLE',
      reason: 'DEPENDENCY_UNAVAILABLE',
      message: 'the store does not answer',
      metadata: { store: 'redis' },
      cause: { message: 'read failed', cause: { message: 'connect failed', code: 'ECONNREFUSED' } },
    });
  });

  test('show several errors, and no secret that one drags along', () => {
    const error = new AggregateError([
      new Error('a'),
      new Error('b', { cause: { secret: new TokenSecret(bytes), bytes } }),
    ]);
    const shown = describeError(error);
    expect(shown).toMatchObject({
      errors: [{ message: 'a' }, { message: 'b', cause: { secret: REDACTED, bytes: '<32 bytes>' } }],
    });
  });

  test('what was thrown without being an error shows too', () => expect(describeError('text')).toBe('text'));

  test('an endless chain of causes ends', () => {
    const error = new Error('round');
    error.cause = error;
    expect(JSON.stringify(describeError(error)).length).toBeLessThan(50_000);
  });
});
