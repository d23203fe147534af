import fc from 'fast-check';
import type { Span } from './records';
import { isGiven, isGoneFrom, joinedAt, leftAt, ofLife, withoutRetired } from './spans';

/** As short as `1-3 5-`. */
const spans = (text: string): Span[] =>
  text === ''
    ? []
    : text.split(' ').map((span): Span => {
        const [from = '', until = ''] = span.split('-');
        return [BigInt(from), until === '' ? null : BigInt(until)];
      });
const text = (all: readonly Span[]): string => all.map(([from, until]) => `${from}-${until ?? ''}`).join(' ');

describe('joining and leaving with a version', () => {
  test.each([
    ['a stranger joins', '', 'join', 3n, '3-'],
    ['a member joins', '1-', 'join', 3n, '1-'],
    ['who left joins again', '1-3', 'join', 5n, '1-3 5-'],
    ['who left with the version before joins again', '1-3', 'join', 4n, '1-3 4-'],
    ['joining is repeated', '3-', 'join', 3n, '3-'],
    ['joining is repeated when it was left again', '3-4', 'join', 3n, '3-4'],
    ['joining is repeated when it was left and joined again', '3-4 6-', 'join', 3n, '3-4 6-'],
    ['a member’s joining is repeated when it left later', '1-5', 'join', 3n, '1-5'],
    ['a member leaves', '1-', 'leave', 3n, '1-3'],
    ['a stranger leaves', '', 'leave', 3n, ''],
    ['who left leaves', '1-3', 'leave', 5n, '1-3'],
    ['leaving is repeated', '1-3', 'leave', 3n, '1-3'],
    ['leaving is repeated when it was joined again', '1-3 4-', 'leave', 3n, '1-3 4-'],
    ['who joined with the version leaves with it', '3-', 'leave', 3n, '3-'],
  ] as const)('%s', (_what, before, move, version, after) => {
    const given = spans(before);
    const result = (move === 'join' ? joinedAt : leftAt)(given, version);
    expect(text(result)).toBe(after);
    expect(result === given).toBe(before === after);
  });

  test('in another life: what was given before ends with that, and nothing of it comes back', () => {
    const before: readonly Span[] = [[1n, null]];
    const again = joinedAt(before, 3n, 2n);
    expect(again).toEqual([[1n, 3n], [3n, null, 2n]]); // prettier-ignore
    expect(joinedAt(again, 3n, 2n)).toBe(again);
    expect(leftAt(again, 5n)).toEqual([[1n, 3n], [3n, 5n, 2n]]); // prettier-ignore
    expect([1n, 2n, 3n].map((life) => ofLife(again, life))).toEqual([[[1n, 3n]], [[3n, null, 2n]], []]);
  });

  test('a life of moves: given exactly while a member, whatever is repeated', () => {
    const life = fc.array(fc.constantFrom('join', 'leave', 'stay'), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(life, fc.nat(), (moves, repeated) => {
        let now: readonly Span[] = [];
        let member = false;
        const expected = new Map<bigint, boolean>();
        const apply = (index: number) => {
          const version = BigInt(index + 1);
          if (moves[index] === 'join') now = joinedAt(now, version);
          if (moves[index] === 'leave') now = leftAt(now, version);
        };
        moves.forEach((move, index) => {
          // SMF says who joins and leaves, so only strangers join and only members leave
          const counts = (move === 'join' && !member) || (move === 'leave' && member);
          if (counts) {
            apply(index);
            member = move === 'join';
          } else moves[index] = 'stay';
          expected.set(BigInt(index + 1), member);
        });
        const before = text(now);
        apply(repeated % moves.length);
        expect(text(now)).toBe(before);
        for (const [version, given] of expected) expect([version, isGiven(now, version)]).toEqual([version, given]);
      }),
    );
  });
});

describe('what is given', () => {
  test.each([
    ['1-3 5-', 0n, false],
    ['1-3 5-', 1n, true],
    ['1-3 5-', 2n, true],
    ['1-3 5-', 3n, false],
    ['1-3 5-', 4n, false],
    ['1-3 5-', 5n, true],
    ['1-3 5-', 900n, true],
    ['', 1n, false],
  ] as const)('%s, version %i: %s', (all, version, given) => expect(isGiven(spans(all), version)).toBe(given));
});

test.each([
  ['1-3', 3n, true],
  ['1-3', 2n, false],
  ['1-3 5-', 9n, false],
  ['1-3 5-7', 7n, true],
  ['', 1n, true],
] as const)('%s is gone from %i: %s', (all, version, gone) => expect(isGoneFrom(spans(all), version)).toBe(gone));

test.each([
  ['1-3 5-7 8-', 4n, '5-7 8-'],
  ['1-3 5-7 8-', 7n, '8-'],
  ['1-3', 9n, '1-3'],
  ['1-3 5-', 1n, '1-3 5-'],
] as const)('%s without what ended by %i: %s', (all, oldest, kept) =>
  expect(text(withoutRetired(spans(all), oldest))).toBe(kept),
);
