import { reasonOf } from '@cpns/core/testing';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from './formulas';
import { checkNotPublished, MARKS_OF_VECTORS } from './published-secrets';

const libs = join(__dirname, '../..');

const textsIn = (value: unknown): string[] =>
  typeof value === 'string' ? [value] : value instanceof Object ? Object.values(value).flatMap(textsIn) : [];

const values = [
  ...new Set(
    readdirSync(libs)
      .map((lib) => join(libs, lib, 'vectors'))
      .filter((directory) => existsSync(directory))
      .flatMap((directory) => readdirSync(directory, { recursive: true }).map((file) => join(directory, String(file))))
      .filter((file) => file.endsWith('.json'))
      .flatMap((file) => textsIn(JSON.parse(readFileSync(file, 'utf8'))))
      .filter((text) => /^[0-9a-f]{64}$/.test(text)),
  ),
].map((hex) => Buffer.from(hex, 'hex'));

const outcome = (secret: Uint8Array) => reasonOf(() => checkNotPublished(secret, 'key'));

it('the list holds each 32-byte value of the vectors, and nothing else', () => {
  const marks = values.map((value) => sha256(value).toString('hex').slice(0, 16)).sort();
  // what it has to be, when a vector was added
  expect(MARKS_OF_VECTORS.match(/.{16}/g)).toEqual(marks);
});

it('no value of the vectors is taken', () => {
  expect(values.map(outcome).filter((reason) => reason !== 'FIELD_OUT_OF_RANGE')).toEqual([]);
});

it.each([
  ['zeros', Buffer.alloc(32)],
  ['one byte over and over', Buffer.alloc(32, 0xff)],
  ['a word over and over', Buffer.alloc(32, 'deadbeef', 'hex')],
  ['eight bytes over and over', Buffer.alloc(32, '0123456789abcdef', 'hex')],
  ['counted up', Buffer.from(Array.from({ length: 32 }, (_, n) => n))],
  ['counted down over zero', Buffer.from(Array.from({ length: 32 }, (_, n) => 15 - n))],
  ['the AES-256 key of NIST', Buffer.from('603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4', 'hex')],
])('%s: refused', (_what, secret) => {
  expect(outcome(secret)).toBe('FIELD_OUT_OF_RANGE');
});

it('random bytes are taken, and a pattern with one byte changed', () => {
  const almost = Buffer.alloc(32);
  almost[31] = 1;
  expect([randomBytes(32), almost].map(outcome)).toEqual(['accepted', 'accepted']);
});
