import { itHolds } from '@cpns/core/testing';
import fc from 'fast-check';
import { asn1 } from 'node-forge';
import { DerError, timeNode } from './asn1';
import { decodeTime, encodeTime, toSeconds } from './time';

const read = (text: string, generalized: boolean): string => {
  try {
    return new Date(decodeTime(timeNode(text, generalized), 'time')).toISOString();
  } catch (error) {
    if (error instanceof DerError) return 'refused';
    throw error;
  }
};

describe('Time of RFC 5280, 4.1.2.5', () => {
  it.each([
    ['UTCTime', '260101000000Z', false, '2026-01-01T00:00:00.000Z'],
    ['the last UTCTime', '491231235959Z', false, '2049-12-31T23:59:59.000Z'],
    ['the first UTCTime', '500101000000Z', false, '1950-01-01T00:00:00.000Z'],
    ['the first GeneralizedTime', '20500101000000Z', true, '2050-01-01T00:00:00.000Z'],
    ['the last GeneralizedTime', '99991231235959Z', true, '9999-12-31T23:59:59.000Z'],
    ['a leap day', '240229120000Z', false, '2024-02-29T12:00:00.000Z'],
    ['no leap day', '250229120000Z', false, 'refused'],
    ['a GeneralizedTime before 2050', '20491231235959Z', true, 'refused'],
    ['no seconds', '2601010000Z', false, 'refused'],
    ['an offset', '260101000000+0100', false, 'refused'],
    ['no zone', '260101000000', false, 'refused'],
    ['fractions of a second', '20500101000000.5Z', true, 'refused'],
    ['month 13', '261301000000Z', false, 'refused'],
    ['day 0', '260100000000Z', false, 'refused'],
    ['hour 24', '260101240000Z', false, 'refused'],
    ['second 60', '260101000060Z', false, 'refused'],
    ['letters', '26010100000xZ', false, 'refused'],
    ['a sign', '+60101000000Z', false, 'refused'],
    ['nothing', '', false, 'refused'],
  ])('%s', (_what, text, generalized, expected) => {
    expect(read(text, generalized)).toBe(expected);
  });

  itHolds(
    'comes back to the second',
    [fc.integer({ min: Date.UTC(1950, 0, 1), max: Date.UTC(9999, 11, 31) })],
    (time) => {
      expect(decodeTime(encodeTime(time), 'time')).toBe(toSeconds(time));
    },
  );

  itHolds(
    'is what node-forge writes',
    [fc.integer({ min: Date.UTC(1950, 0, 1), max: Date.UTC(2049, 11, 31) })],
    (time) => {
      expect(encodeTime(time).value).toBe(asn1.dateToUtcTime(new Date(time)));
    },
  );

  it.each([Date.UTC(1949, 11, 31), Date.UTC(10_000, 0, 1), NaN, Infinity])('cannot say %s', (time) => {
    expect(() => encodeTime(time)).toThrow(RangeError);
  });
});
