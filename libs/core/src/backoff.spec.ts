import { SeededRandom } from './testing';
import { backoffAfter } from './backoff';

describe('backoffAfter', () => {
  const backoff = { first: 100, longest: 1_500 };

  it.each([
    [1, 100],
    [2, 200],
    [4, 800],
    [5, 1_500],
    [10_000, 1_500],
  ])('doubles up to the longest: after %i attempts %i ms', (attempts, wait) => {
    expect(backoffAfter(backoff, attempts)).toBe(wait);
  });

  it('is spread between half of it and all of it', () => {
    const random = new SeededRandom('spread');
    const waits = Array.from({ length: 200 }, () => backoffAfter(backoff, 4, random));
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(400);
    expect(Math.max(...waits)).toBeLessThanOrEqual(800);
    expect(new Set(waits).size).toBeGreaterThan(100);
  });
});
