import { DerError, timeNode, timeText, type Asn1 } from './asn1';

/** UTCTime says the years 1950 to 2049 (RFC 5280, 4.1.2.5.1); later dates are GeneralizedTime. */
const GENERALIZED_FROM = Date.UTC(2050, 0, 1);
const UTC_FROM = Date.UTC(1950, 0, 1);
const END_OF_TIME = Date.UTC(10_000, 0, 1);

/** X.509 tells time in whole seconds; a certificate never says more than was asked, so milliseconds are cut off. */
export const toSeconds = (milliseconds: number): number => Math.floor(milliseconds / 1000) * 1000;

/**
 * A Time of RFC 5280, 4.1.2.5.
 * @param milliseconds Unix time, cut to whole seconds
 * @throws RangeError before 1950 or after 9999: a programming error, since requests are checked first
 */
export function encodeTime(milliseconds: number): Asn1 {
  if (!(milliseconds >= UTC_FROM && milliseconds < END_OF_TIME)) throw new RangeError('a time from 1950 to 9999');
  const at = new Date(milliseconds);
  const year = at.getUTCFullYear();
  const generalized = milliseconds >= GENERALIZED_FROM;
  const date = (generalized ? String(year) : two(year % 100)) + two(at.getUTCMonth() + 1) + two(at.getUTCDate());
  return timeNode(`${date}${two(at.getUTCHours())}${two(at.getUTCMinutes())}${two(at.getUTCSeconds())}Z`, generalized);
}

const two = (value: number): string => (value < 10 ? `0${value}` : String(value));

/** Unix milliseconds of a Time; only the spelling that {@link encodeTime} writes is accepted. */
export function decodeTime(node: Asn1 | undefined, what: string): number {
  const { text, generalized } = timeText(node, what);
  const start = generalized ? 4 : 2;
  const pair = (at: number): number => Number(text.slice(start + at, start + at + 2));
  const written = Number(text.slice(0, start));
  const year = generalized ? written : written + (written >= 50 ? 1900 : 2000);
  const time = Date.UTC(year, pair(0) - 1, pair(2), pair(4), pair(6), pair(8));
  // Date.UTC carries a 31st of April over to May; whatever does not come back as the same text is no time
  const again = time >= UTC_FROM && time < END_OF_TIME ? timeText(encodeTime(time), what) : undefined;
  if (again?.text !== text || again.generalized !== generalized) throw new DerError(`${what}: not a time of RFC 5280`);
  return time;
}
