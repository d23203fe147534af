/** The pieces that configurations are made of. Each says what it must be in a way that fits into one sentence. */
import { CpnsError, checkEndpoint, checkTrustDomain, parseEntityUri, parseIdentityUri } from '@cpns/core';
import { LOG_LEVELS } from '@cpns/telemetry';
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { z } from 'zod';

/** Certificates, keys and descriptors are far below it; anything larger is a mistaken path. In bytes. */
const MAX_FILE_BYTES = 1_048_576;

/** Thrown by a parser to say more than what the value must be. */
class Problem extends Error {}

/**
 * A setting that is read from text.
 * @param expected completes "it must be …"
 * @param parse throws, or returns undefined, for a text that is something else
 */
export function setting<T>(expected: string, parse: (text: string) => T | undefined) {
  return z.string({ error: () => `is not set; it must be ${expected}` }).transform((text, context): T => {
    const refuse = (message: string) => {
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    };
    try {
      return parse(text) ?? refuse(`must be ${expected}`);
    } catch (error) {
      if (error instanceof Problem) return refuse(error.message);
      if (error instanceof CpnsError) return refuse(`must be ${expected}`);
      throw error;
    }
  });
}

/** What a file setting holds. */
export interface FileSetting {
  readonly path: string;
  readonly content: Buffer;
}

const systemCode = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown error';

function readSetting(path: string): FileSetting {
  try {
    const { size } = statSync(path);
    if (size > MAX_FILE_BYTES) throw new Problem(`names a file of more than ${MAX_FILE_BYTES} bytes`);
    return { path, content: readFileSync(path) };
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem(`names a file that cannot be read (${systemCode(error)})`);
  }
}

function makeDirectory(path: string): string {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return path;
  } catch (error) {
    throw new Problem(`names a directory that cannot be made (${systemCode(error)})`);
  }
}

/** `host:port`; port 0 takes a free one. */
const LISTEN = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):(\d{1,5})$/;

function parseListen(text: string): string | undefined {
  const [, , port] = LISTEN.exec(text) ?? [];
  return port !== undefined && Number(port) <= 65_535 ? text : undefined;
}

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

function parseDuration(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text) ?? [];
  return count === undefined ? undefined : Number(count) * UNITS[unit as keyof typeof UNITS];
}

/** Where a service keeps its records. */
export type StoreLocation =
  { readonly kind: 'embedded'; readonly directory: string } | { readonly kind: 'redis'; readonly url: string };

function parseStore(text: string): StoreLocation | undefined {
  if (text.startsWith('embedded:') && text.length > 'embedded:'.length)
    return { kind: 'embedded', directory: text.slice('embedded:'.length) };
  return /^rediss?(\+sentinel|\+cluster)?:\/\/\S+$/.test(text) ? { kind: 'redis', url: text } : undefined;
}

function parseInteger(text: string, min: number, max: number): number | undefined {
  const value = /^-?\d{1,15}$/.test(text) ? Number(text) : NaN;
  return value >= min && value <= max ? value : undefined;
}

/** Each is a function, so that a service adds `.optional()` or `.default(…)` to its own copy. */
export const settings = {
  text: (expected: string, pattern: RegExp) => setting(expected, (text) => (pattern.test(text) ? text : undefined)),
  /** Where a port listens. */
  listen: () => setting('host:port, with port 0 for a free one', parseListen),
  /** Whom a client dials. */
  endpoint: () => setting('host:port', (text) => checkEndpoint(text)),
  /** A readable file of at most 1 MiB, as path and content. */
  file: () => setting('the path of a file', readSetting),
  /** A directory, made with mode 0700 when it is not there. */
  directory: () => setting('the path of a directory', makeDirectory),
  store: () => setting('embedded:DIRECTORY or a redis:// URL', parseStore),
  /** Milliseconds, written as 500ms, 5s, 10m, 24h or 30d. */
  duration: () => setting('a duration such as 500ms, 5s, 10m, 24h or 30d', parseDuration),
  integer: (min: number, max: number) =>
    setting(`a whole number from ${min} to ${max}`, (text) => parseInteger(text, min, max)),
  oneOf: <const T extends string>(choices: readonly T[]) =>
    setting(`one of ${choices.join(', ')}`, (text) => choices.find((choice) => choice === text)),
  flag: () => setting('true or false', (text) => (text === 'true' ? true : text === 'false' ? false : undefined)),
  logLevel: () => settings.oneOf(LOG_LEVELS),
  trustDomain: () => setting('a trust domain: lower-case DNS labels', (text) => checkTrustDomain(text)),
  /** Of an entity, a service or an operator, without a user. */
  identityUri: () =>
    setting('the cpns:// URI of an entity, a service or an operator', (text) => parseIdentityUri(text).uri),
  /** E. */
  entityUri: () => setting('the cpns:// URI of an entity', (text) => parseEntityUri(text).uri),
};
