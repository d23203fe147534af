/** What options take, checked as the command line is read. */
import {
  CpnsError,
  checkEndpoint,
  checkFirstSeedId,
  checkGroupId,
  checkName,
  checkTokenId,
  checkTrustDomain,
  checkUserId,
  parseEntityUri,
  parseIdentityUri,
} from '@cpns/core';
import { checkKeyId } from '@cpns/key-derivation';
import { InvalidArgumentError } from 'commander';
import { isIP } from 'node:net';
import { parseDuration } from './values';

type Parser<T> = (text: string) => T;

/** A check of the rules as a parser of commander's. */
const checked =
  <T>(check: Parser<T>): Parser<T> =>
  (text) => {
    try {
      return check(text);
    } catch (error) {
      if (error instanceof CpnsError) throw new InvalidArgumentError(`${error.message}.`);
      throw error;
    }
  };

/** E. */
export const entityUri = checked((text) => parseEntityUri(text).uri);
/** E of a PN GW. */
export const gatewayUri = (text: string): string => {
  const uri = entityUri(text);
  if (parseEntityUri(uri).entityType !== 'pn-gw') throw new InvalidArgumentError('It does not name a PN GW.');
  return uri;
};
/** Of an entity, a service or an operator. */
export const identityUri = checked((text) => parseIdentityUri(text).uri);
export const userId = checked((text) => checkUserId(text));
export const endpoint = checked((text) => checkEndpoint(text));
export const trustDomain = checked((text) => checkTrustDomain(text));
export const name = checked((text) => checkName(text));
export const tokenId = checked((text) => checkTokenId(text));
export const groupId = checked((text) => checkGroupId(text));
export const firstSeedId = checked((text) => checkFirstSeedId(text));
export const keyId = checked((text) => checkKeyId(text));

/** 64 hexadecimal digits: a SHA-256. */
export const digest: Parser<Buffer> = (text) => {
  if (!/^[0-9a-fA-F]{64}$/.test(text)) throw new InvalidArgumentError('Write it as 64 hexadecimal digits.');
  return Buffer.from(text, 'hex');
};

/** The CPNS Server itself, or E of a gateway. */
export const assigner = (text: string): string => (text === 'server' ? '' : entityUri(text));

/** Milliseconds. */
export const lifetime: Parser<number> = (text) => {
  const parsed = parseDuration(text);
  if (parsed === undefined) throw new InvalidArgumentError('Write it as 90s, 15m, 24h, 30d or 1h30m.');
  return parsed;
};

/** Milliseconds; 0 for `none`. */
export const lifetimeOrNone: Parser<number> = (text) => (text === 'none' ? 0 : lifetime(text));

/** Unix milliseconds of a time in ISO 8601 that says how far from UTC it is. */
export const time: Parser<number> = (text) => {
  const parsed = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(parsed)) throw new InvalidArgumentError('Write it as 2026-12-24T12:00Z or 2026-12-24T12:00+01:00.');
  return parsed;
};

/** Digits, above 0. */
export const count: Parser<number> = (text) => {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('Write it as a whole number from 1 on.');
  return Number(text);
};

export const ipAddress: Parser<string> = (text) => {
  if (isIP(text) === 0) throw new InvalidArgumentError('It is neither an IPv4 nor an IPv6 address.');
  return text;
};

/** An option that may be given more than once. */
export const repeated =
  <T>(parse: Parser<T>) =>
  (text: string, before: readonly T[] | undefined): readonly T[] => [...(before ?? []), parse(text)];
