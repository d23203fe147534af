import { duration } from '@cpns/core';
import fc from 'fast-check';
import { formatDuration, hexOrNull, isoTime, parseDuration, readableTime } from './values';

describe('parseDuration', () => {
  it.each([
    ['90s', duration(90, 'second')],
    ['15m', duration(15, 'minute')],
    ['24h', duration(24, 'hour')],
    ['30d', duration(30, 'day')],
    ['1h30m', duration(90, 'minute')],
    ['1d1h1m1s', 86_400_000 + 3_600_000 + 60_000 + 1_000],
  ])('reads %s', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  it.each(['', '0s', '15', 'm', '-1h', '1.5h', '1m1h', '1h 30m', '15min', '1e3s', '9999999d', '１h'])(
    'refuses %j',
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );

  it('reads every combination of its units', () => {
    const count = fc.integer({ min: 0, max: 999_999 });
    fc.assert(
      fc.property(count, count, count, count, (d, h, m, s) => {
        fc.pre(d + h + m + s > 0);
        const text = `${d}d${h}h${m}m${s}s`;
        expect(parseDuration(text)).toBe(d * 86_400_000 + h * 3_600_000 + m * 60_000 + s * 1_000);
      }),
    );
  });
});

describe('formatDuration', () => {
  it.each([
    [0, '0 s'],
    [499, '0 s'],
    [500, '1 s'],
    [59_999, '1 min'],
    [90_000, '1 min 30 s'],
    [duration(1, 'day') + 59_000, '1 d 59 s'],
    [duration(400, 'day') + duration(3, 'hour') + 1_000, '400 d 3 h'],
    [-5, '0 s'],
  ])('writes %d ms as %s', (milliseconds, text) => {
    expect(formatDuration(milliseconds)).toBe(text);
  });

  it('reads back to within the unit that was left out', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1_000, max: 2 ** 40 }), (milliseconds) => {
        const text = formatDuration(milliseconds);
        const back = parseDuration(text.replace('min', 'm').replaceAll(' ', '')) ?? NaN;
        expect(Math.abs(back - milliseconds)).toBeLessThan(duration(1, 'hour'));
      }),
    );
  });
});

describe('times', () => {
  const now = Date.UTC(2026, 0, 2, 3, 4, 5);

  it.each([
    [null, '-'],
    ['2026-01-02T03:04:05.678Z', '2026-01-02 03:04:05Z (in 1 s)'],
    ['2026-01-02T04:04:05.000Z', '2026-01-02 04:04:05Z (in 1 h)'],
    ['2026-01-01T03:04:05.000Z', '2026-01-01 03:04:05Z (1 d ago)'],
  ])('shows %s as %s', (iso, text) => {
    expect(readableTime(iso, now)).toBe(text);
  });

  it('has null for what is not there', () => {
    expect(isoTime(0n)).toBeNull();
    expect(isoTime(BigInt(now))).toBe('2026-01-02T03:04:05.000Z');
    expect(hexOrNull(Buffer.alloc(0))).toBeNull();
    expect(hexOrNull(Buffer.from('00ff', 'hex'))).toBe('00ff');
  });
});
