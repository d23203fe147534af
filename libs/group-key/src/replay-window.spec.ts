import { itHolds } from '@cpns/core/testing';
import fc from 'fast-check';
import { REPLAY_WINDOW_BYTES, REPLAY_WINDOW_SIZE, ReplayWindow } from './replay-window';

const SIZE = BigInt(REPLAY_WINDOW_SIZE);
const U64_MAX = (1n << 64n) - 1n;

describe('a replay window', () => {
  it.each<[string, bigint, bigint[], bigint, boolean]>([
    ['the counter that it began with', 5n, [], 5n, false],
    ['the next one', 5n, [], 6n, true],
    ['one before it', 5n, [], 4n, true],
    ['the first of all', 5n, [], 0n, true],
    ['one that came late, again', 5n, [3n], 3n, false],
    ['the last that fits', SIZE, [], 1n, true],
    ['the first that is too old', SIZE, [], 0n, false],
    ['too old after a jump', 1n, [10n * SIZE], 2n, false],
    ['just inside after a jump', 1n, [10n * SIZE], 9n * SIZE + 1n, true],
    ['the same bit as one that was opened a window ago', 7n, [7n + SIZE - 1n], 7n + SIZE, true],
    ['the greatest counter', 0n, [], U64_MAX, true],
    ['the greatest counter, again', 0n, [U64_MAX], U64_MAX, false],
  ])('%s', (_what, first, then, counter, fresh) => {
    const window = ReplayWindow.startingAt(first);
    for (const one of then) expect(window.accept(one)).toBe(true);
    expect(window.isFresh(counter)).toBe(fresh);
    expect(window.accept(counter)).toBe(fresh);
    expect(window.accept(counter)).toBe(false);
  });

  const near = (highest: bigint) =>
    fc.integer({ min: -1_100, max: 1_100 }).map((step) => (highest + BigInt(step) < 0n ? 0n : highest + BigInt(step)));
  const counters = fc.array(fc.oneof(near(2_000n), near(3_500n), fc.bigInt({ min: 0n, max: 10_000n })), {
    minLength: 1,
    maxLength: 300,
  });

  itHolds(
    'does what a list of everything would, within its size, also when it was stored in between',
    [counters, fc.nat({ max: 300 })],
    ([first = 0n, ...rest], storedAt) => {
      let window = ReplayWindow.startingAt(first);
      const opened = new Set([first]);
      let highest = first;
      rest.forEach((counter, i) => {
        if (i === storedAt) window = ReplayWindow.of(window.state());
        const expected = !opened.has(counter) && counter + SIZE > highest;
        expect(window.accept(counter)).toBe(expected);
        if (expected) opened.add(counter);
        if (counter > highest) highest = counter;
      });
      expect(window.state()).toMatchObject({ highest });
      expect(window.state().bits).toHaveLength(REPLAY_WINDOW_BYTES);
    },
  );

  it('gives out a copy of its state, and keeps one', () => {
    const window = ReplayWindow.startingAt(1n);
    const state = window.state();
    const copy = ReplayWindow.of(state);
    state.bits.fill(0xff);
    expect(copy.isFresh(0n)).toBe(true);
    expect(window.isFresh(0n)).toBe(true);
  });

  it('is not made of bits of another size', () => {
    expect(() => ReplayWindow.of({ highest: 0n, bits: Buffer.alloc(REPLAY_WINDOW_BYTES - 1) })).toThrow(RangeError);
  });
});
