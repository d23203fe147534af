/**
 * What may stand in a log line. Secrets have types that print as nothing (core), so this is the second net: it catches
 * the bytes that someone logs by mistake, under any name and at any depth.
 */
import { types } from 'node:util';
import { CpnsError, Secret } from '@cpns/core';

export const REDACTED = '[redacted]';

const MAX_DEPTH = 6;
const MAX_ITEMS = 50;
/** In characters. */
const MAX_TEXT = 4_096;
/** Shorter arrays of small numbers are more likely counts than key bytes. */
const BYTE_ARRAY_MIN = 16;

/** A field whose last word is one of these never shows its value: `tokenId` is shown, `token` is not. */
const SECRET_WORDS: ReadonlySet<string> = new Set([
  'secret',
  'secrets',
  'key',
  'keys',
  'seed',
  'seeds',
  'mac',
  'token',
  'tokens',
  'psk',
  'password',
  'passphrase',
  'pin',
  'proof',
  'plaintext',
]);

const wordsOf = (name: string): string[] =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');

/** True for names such as `seed`, `firstSeed`, `client_key` or `token`; a public key and an id may be shown. */
export function isSecretName(name: string): boolean {
  const words = wordsOf(name);
  const last = words.at(-1);
  return last !== undefined && SECRET_WORDS.has(last) && !words.includes('public');
}

// One-time strings (docs/protocol.md, "Admission") and PEM private keys have forms of their own, wherever they stand.
const ONE_TIME_STRING = /cpns1\.[A-Za-z0-9_-]+/g;
const PRIVATE_PEM = /-----BEGIN ([A-Z ]*)PRIVATE KEY-----[\s\S]*?(?:-----END \1PRIVATE KEY-----|$)/g;

/** Text without one-time strings and private keys, and not endless. */
export function scrub(text: string): string {
  const clean = text.replace(ONE_TIME_STRING, `cpns1.${REDACTED}`).replace(PRIVATE_PEM, `${REDACTED} private key`);
  return clean.length <= MAX_TEXT ? clean : `${clean.slice(0, MAX_TEXT)}… (${clean.length} characters)`;
}

const isByte = (value: unknown) => typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 255;
const looksLikeBytes = (items: readonly unknown[]) => items.length >= BYTE_ARRAY_MIN && items.every(isByte);

const bytes = (count: number) => `<${count} bytes>`;

function list(items: readonly unknown[], depth: number): unknown {
  if (looksLikeBytes(items)) return bytes(items.length);
  const shown = items.slice(0, MAX_ITEMS).map((item) => redact(item, depth + 1));
  return items.length <= MAX_ITEMS ? shown : [...shown, `… ${items.length} items`];
}

function record(entries: Iterable<readonly [unknown, unknown]>, depth: number): Record<string, unknown> {
  // of entries: a name that every object has stays a name
  return Object.fromEntries(
    Array.from(entries, ([name, value]) => {
      const key = String(name);
      const isSecret = isSecretName(key) && value !== undefined && value !== null;
      return [key, isSecret ? REDACTED : redact(value, depth + 1)];
    }),
  );
}

// also one that was made in another context, such as a sandbox
const isError = (value: unknown): value is Error => value instanceof Error || types.isNativeError(value);

/** An error as a log shows it: code, reason and the chain of causes, which callers never see. */
export function describeError(error: unknown, depth = 0): unknown {
  if (!isError(error)) return redact(error, depth);
  const system: unknown = 'code' in error ? error.code : undefined;
  return {
    type: error.name,
    message: scrub(error.message),
    ...(error instanceof CpnsError
      ? { code: error.code, reason: error.reason, metadata: redact(error.metadata, depth + 1) }
      : {}),
    ...(!(error instanceof CpnsError) && (typeof system === 'string' || typeof system === 'number')
      ? { code: system }
      : {}),
    ...(error.stack === undefined ? {} : { stack: scrub(error.stack) }),
    ...(error instanceof AggregateError && depth < MAX_DEPTH ? { errors: list(error.errors, depth) } : {}),
    ...(error.cause !== undefined && depth < MAX_DEPTH ? { cause: describeError(error.cause, depth + 1) } : {}),
  };
}

function objectForm(value: object, depth: number): unknown {
  if (value instanceof Secret) return REDACTED;
  if (ArrayBuffer.isView(value)) return bytes(value.byteLength);
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return bytes(value.byteLength);
  if (isError(value)) return describeError(value, depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (depth >= MAX_DEPTH) return '[deeper]';
  if (Array.isArray(value)) return list(value, depth);
  if (value instanceof Map) return record(value, depth);
  if (value instanceof Set) return list([...value], depth);
  // what JSON makes of a Buffer, on its way through someone else's code
  if ('type' in value && value.type === 'Buffer' && 'data' in value && Array.isArray(value.data))
    return bytes(value.data.length);
  return record(Object.entries(value), depth);
}

/** A value as a log may show it: no secret, no bytes, bounded in depth and size. */
export function redact(value: unknown, depth = 0): unknown {
  switch (typeof value) {
    case 'string':
      return scrub(value);
    case 'bigint':
      return value.toString();
    case 'object':
      return value === null ? null : objectForm(value, depth);
    case 'function':
    case 'symbol':
      return `[${typeof value}]`;
    default:
      return value;
  }
}
