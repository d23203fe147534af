/** How times, lengths of time and bytes are written and read. */
import { duration } from '@cpns/core';

const UNITS = {
  s: duration(1, 'second'),
  m: duration(1, 'minute'),
  h: duration(1, 'hour'),
  d: duration(1, 'day'),
} as const;

/** `90s`, `15m`, `24h`, `30d`, or several of them such as `1h30m`, largest first; in milliseconds. */
export function parseDuration(text: string): number | undefined {
  const [whole, days, hours, minutes, seconds] =
    /^(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?$/.exec(text) ?? [];
  if (whole === undefined || whole === '') return undefined;
  const count = (value: string | undefined, unit: keyof typeof UNITS) => Number(value ?? 0) * UNITS[unit];
  const total = count(days, 'd') + count(hours, 'h') + count(minutes, 'm') + count(seconds, 's');
  return total > 0 ? total : undefined;
}

/** The two largest units of a length of time, such as `3 d 4 h`. */
export function formatDuration(milliseconds: number): string {
  let rest = Math.max(0, Math.round(milliseconds / 1000)) * 1000;
  const parts: string[] = [];
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    const count = Math.floor(rest / UNITS[unit]);
    rest -= count * UNITS[unit];
    if (count > 0) parts.push(`${count} ${unit === 'm' ? 'min' : unit}`);
  }
  return parts.length === 0 ? '0 s' : parts.slice(0, 2).join(' ');
}

/** ISO 8601 of Unix milliseconds, or null for 0: what JSON output holds. */
export const isoTime = (unixMs: bigint): string | null =>
  unixMs === 0n ? null : new Date(Number(unixMs)).toISOString();

/** A time of JSON output for a reader: in UTC to the second, and how far from now. */
export function readableTime(iso: string | null, now: number): string {
  if (iso === null) return '-';
  const away = Date.parse(iso) - now;
  const distance = away >= 0 ? `in ${formatDuration(away)}` : `${formatDuration(-away)} ago`;
  return `${iso.slice(0, 19).replace('T', ' ')}Z (${distance})`;
}

/** Lower-case hexadecimal digits, or null where there is nothing. */
export const hexOrNull = (bytes: Uint8Array): string | null =>
  bytes.length === 0 ? null : Buffer.from(bytes).toString('hex');
