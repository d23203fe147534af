import { generateKeyPairSync } from 'node:crypto';
import { Console } from 'node:console';
import { Writable } from 'node:stream';
import { format, inspect } from 'node:util';
import * as core from '.';
import { CpnsError, PrivateKeyDer, Secret, SECRET_BYTES } from '.';

type SecretClass = new (bytes: Uint8Array) => Secret;

const isSecretClass = (value: unknown): value is SecretClass =>
  typeof value === 'function' && value.prototype instanceof Secret;

// every secret that the library exports, so that a new one cannot be left out of these tests
const classes = Object.values(core).filter(isSecretClass);
const byName = classes.map((type): [string, SecretClass] => [type.name, type]);

// bytes whose every encoding is easily told from other text
const BYTES = Buffer.from(Array.from({ length: SECRET_BYTES }, (_, i) => 0xa1 + i * 2));

/** How a secret would look if it got out. */
const traces = (bytes: Buffer): string[] => [
  bytes.toString('latin1'),
  bytes.toString('utf8'),
  bytes.toString('hex').slice(0, 8),
  bytes.toString('hex').toUpperCase().slice(0, 8),
  (bytes.toString('hex').match(/../g) ?? []).slice(0, 4).join(' '),
  bytes.toString('base64').slice(0, 8),
  bytes.toString('base64url').slice(0, 8),
  [...bytes.subarray(0, 4)].join(','),
  [...bytes.subarray(0, 4)].join(', '),
];

const consoleText = (value: unknown): string => {
  const chunks: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk.toString());
      done();
    },
  });
  const printer = new Console({ stdout: stream, stderr: stream });
  printer.log(value);
  printer.log('%s %o %O %j', value, value, value, value);
  printer.error({ nested: { value } });
  printer.dir(value, { showHidden: true, depth: null });
  printer.table([{ value }]);
  return chunks.join('');
};

/** What a caller sees whose compiler does not object to a secret in a template. */
const unchecked = (secret: Secret) => secret as unknown as string;

type Way = [string, (secret: Secret) => string];

/** Where a secret is turned into text, as itself. */
const printed: Way[] = [
  ['String()', (secret) => String(secret)],
  ['a template', (secret) => `${unchecked(secret)}`],
  ['concatenation', (secret) => ['key: ', secret].join('')],
  ['JSON', (secret) => JSON.stringify(secret)],
  ['JSON, nested', (secret) => JSON.stringify({ request: { key: secret, list: [secret] } })],
  ['util.inspect', (secret) => inspect(secret)],
  ['util.inspect, nested and hidden', (secret) => inspect({ a: [{ secret }] }, { showHidden: true, depth: null })],
  [
    'util.inspect, getters and proxies',
    (secret) => inspect(secret, { getters: true, showProxy: true, compact: false }),
  ],
  ['util.format', (secret) => format('%s %j %o', secret, secret, secret)],
  ['console', consoleText],
  ['an error message', (secret) => new Error(`refused: ${unchecked(secret)}`).message],
  ['an error’s cause', (secret) => inspect(new CpnsError('INTERNAL', 'a fault', { cause: secret }))],
  ['an error’s own field', (secret) => inspect(Object.assign(new Error('refused'), { secret }), { depth: null })],
  ['an error’s stack', (secret) => new Error(String(secret)).stack ?? ''],
];

/** Where nothing of a secret should be left at all. */
const copied: Way[] = [
  ['its own properties', (secret) => JSON.stringify(Object.entries(secret))],
  ['a copy by spread', (secret) => inspect({ ...secret }, { showHidden: true })],
  ['a structured clone', (secret) => inspect(structuredClone(secret), { showHidden: true })],
];

it('finds the secrets of the protocol', () => {
  expect(classes.length).toBeGreaterThanOrEqual(12);
});

describe.each(byName)('%s', (name, type) => {
  it.each([...printed, ...copied])('does not get out by %s', (_way, print) => {
    const text = print(new type(BYTES));
    for (const trace of traces(BYTES)) expect(text).not.toContain(trace);
  });

  it.each(printed)('says [redacted] in %s', (_way, print) => {
    expect(print(new type(BYTES))).toContain('[redacted]');
  });

  it('names itself where a developer looks at it', () => {
    expect(inspect(new type(BYTES))).toBe(`${name} [redacted]`);
    expect(new type(BYTES).kind).toBe(name);
  });

  it('gives its bytes to those who ask, and keeps its own copy', () => {
    const given = Buffer.from(BYTES);
    const secret = new type(given);
    given.fill(0);
    expect(secret.expose().equals(BYTES)).toBe(true);
  });

  it('compares by its bytes', () => {
    const other = Buffer.from(BYTES);
    other[SECRET_BYTES - 1]! ^= 1;
    expect(new type(BYTES).equals(new type(BYTES))).toBe(true);
    expect(new type(BYTES).equals(new type(other))).toBe(false);
  });

  it('is gone after destroy', () => {
    const secret = new type(BYTES);
    secret.destroy();
    expect(secret.expose().every((byte) => byte === 0)).toBe(true);
  });
});

describe.each(byName.filter(([, type]) => type !== PrivateKeyDer))('%s', (name, type) => {
  it.each([0, SECRET_BYTES - 1, SECRET_BYTES + 1])('refuses %i bytes, without showing them', (size) => {
    const bytes = Buffer.alloc(size, 0xa7);
    expect(() => new type(bytes)).toThrow(new RangeError(`a ${name} has ${SECRET_BYTES} bytes, not ${size}`));
  });
});

describe('this test', () => {
  it.each([
    ['hex', BYTES.toString('hex')],
    ['upper-case hex', BYTES.toString('hex').toUpperCase()],
    ['base64', BYTES.toString('base64')],
    ['Buffer JSON', JSON.stringify(BYTES)],
    ['an inspected Buffer', inspect(BYTES)],
    ['an inspected Uint8Array', inspect(new Uint8Array(BYTES))],
    ['raw text', BYTES.toString('latin1')],
  ])('would see bytes that do get out as %s', (_what, text) => {
    expect(traces(BYTES).some((trace) => text.includes(trace))).toBe(true);
  });
});

describe('a private key', () => {
  const { privateKey } = generateKeyPairSync('ed25519');
  const der = () => new PrivateKeyDer(privateKey.export({ format: 'der', type: 'pkcs8' }));

  it('is parsed once, and is then no text either', () => {
    const key = der();
    expect(key.keyObject.equals(privateKey)).toBe(true);
    expect(key.keyObject).toBe(key.keyObject);
    expect(consoleText(key)).not.toMatch(/KeyObject|MC4CAQ/);
  });

  it('signs no more once it was destroyed', () => {
    const key = der();
    expect(key.keyObject).toBeDefined();
    key.destroy();
    expect(() => key.keyObject).toThrow();
  });
});
