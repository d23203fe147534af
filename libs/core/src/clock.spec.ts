import { duration, systemClock } from '.';
import { FakeClock } from './testing';

describe('clocks', () => {
  it('tells Unix time in milliseconds', () => {
    const before = Date.now();
    const now = systemClock.now();
    expect(now).toBeGreaterThanOrEqual(before);
    expect(now).toBeLessThanOrEqual(Date.now());
  });

  it.each([
    [2, 'second', 2_000],
    [1, 'minute', 60_000],
    [3, 'hour', 10_800_000],
    [30, 'day', 2_592_000_000],
  ] as const)('%i %s', (count, unit, milliseconds) => {
    expect(duration(count, unit)).toBe(milliseconds);
  });

  it('stands still until a test moves it', () => {
    const clock = new FakeClock(1_000);
    expect([clock.now(), clock.now()]).toEqual([1_000, 1_000]);
    clock.advance(duration(1, 'second'));
    expect(clock.now()).toBe(2_000);
  });
});
