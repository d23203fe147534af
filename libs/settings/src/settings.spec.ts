import { existsSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CpnsError } from '@cpns/core';
import type { z } from 'zod';
import { loadConfig, settings } from '.';

const directory = mkdtempSync(join(tmpdir(), 'cpns-settings-'));
afterAll(() => rmSync(directory, { recursive: true }));

const read = (piece: z.ZodType, text: string): unknown => {
  try {
    return loadConfig({ it: piece }, { CPNS_IT: text }).it;
  } catch (error) {
    return error instanceof CpnsError ? error.message.replace('CPNS_IT ', '') : error;
  }
};

describe('accepted', () => {
  test.each<[string, z.ZodType, string, unknown]>([
    ['listen', settings.listen(), '127.0.0.1:0', '127.0.0.1:0'],
    ['listen on IPv6', settings.listen(), '[::1]:7400', '[::1]:7400'],
    ['endpoint', settings.endpoint(), 'server.example:7400', 'server.example:7400'],
    ['embedded store', settings.store(), 'embedded:/var/lib/cpns', { kind: 'embedded', directory: '/var/lib/cpns' }],
    ['Redis', settings.store(), 'redis://127.0.0.1:6379/0', { kind: 'redis', url: 'redis://127.0.0.1:6379/0' }],
    ['duration', settings.duration(), '1500ms', 1_500],
    ['duration in days', settings.duration(), '30d', 2_592_000_000],
    ['integer', settings.integer(1, 10), '10', 10],
    ['choice', settings.oneOf(['a', 'b']), 'b', 'b'],
    ['flag', settings.flag(), 'false', false],
    ['log level', settings.logLevel(), 'debug', 'debug'],
    ['trust domain', settings.trustDomain(), 'td.example', 'td.example'],
    ['service URI', settings.identityUri(), 'cpns://td/service/kmc', 'cpns://td/service/kmc'],
    ['E', settings.entityUri(), 'cpns://pn1.td/pne/p', 'cpns://pn1.td/pne/p'],
    ['text', settings.text('digits', /^\d+$/), '17', '17'],
  ])('%s', (_what, piece, text, expected) => expect(read(piece, text)).toEqual(expected));
});

describe('refused', () => {
  test.each<[string, z.ZodType, string, string]>([
    ['listen without a port', settings.listen(), '127.0.0.1', 'must be host:port, with port 0 for a free one'],
    ['listen on no port', settings.listen(), 'a:65536', 'must be host:port, with port 0 for a free one'],
    ['endpoint with a scheme', settings.endpoint(), 'https://a:1', 'must be host:port'],
    ['endpoint with port 0', settings.endpoint(), 'a:0', 'must be host:port'],
    ['another store', settings.store(), 'mysql://a', 'must be embedded:DIRECTORY or a redis:// URL'],
    ['a store without a place', settings.store(), 'embedded:', 'must be embedded:DIRECTORY or a redis:// URL'],
    ['duration without a unit', settings.duration(), '5', 'must be a duration such as 500ms, 5s, 10m, 24h or 30d'],
    ['integer over its range', settings.integer(1, 10), '11', 'must be a whole number from 1 to 10'],
    ['a fraction', settings.integer(1, 10), '1.5', 'must be a whole number from 1 to 10'],
    ['no choice', settings.oneOf(['a', 'b']), 'c', 'must be one of a, b'],
    ['flag', settings.flag(), 'yes', 'must be true or false'],
    ['E of a service', settings.entityUri(), 'cpns://td/service/kmc', 'must be the cpns:// URI of an entity'],
    ['text', settings.text('digits', /^\d+$/), 'x', 'must be digits'],
    ['no file', settings.file(), '/nowhere/at/all', 'names a file that cannot be read (ENOENT)'],
    ['a directory as a file', settings.file(), directory, 'names a file that cannot be read (EISDIR)'],
    ['a directory in a file', settings.directory(), '/dev/null/x', 'names a directory that cannot be made (ENOTDIR)'],
  ])('%s', (_what, piece, text, expected) => expect(read(piece, text)).toBe(expected));

  test('a file that is too large to be what it should be', () => {
    const path = join(directory, 'large');
    writeFileSync(path, '');
    truncateSync(path, 1_048_577);
    expect(read(settings.file(), path)).toBe('names a file of more than 1048576 bytes');
  });
});

test('a file is its path and its content', () => {
  const path = join(directory, 'root.pem');
  writeFileSync(path, 'PEM');
  expect(read(settings.file(), path)).toEqual({ path, content: Buffer.from('PEM') });
});

test('a directory is made, for its owner alone', () => {
  const path = join(directory, 'a', 'b');
  expect(read(settings.directory(), path)).toBe(path);
  expect(existsSync(path)).toBe(true);
  expect(statSync(path).mode & 0o777).toBe(0o700);
});
