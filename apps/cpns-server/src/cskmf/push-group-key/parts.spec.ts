import fc from 'fast-check';
import type { MemberEnvelope } from '@cpns/contracts';
import { pne } from '../../testing/world';
import { PART_BYTES, PART_ENVELOPES, partId, partsOf } from './parts';

const envelope = (entity: string, size = 100): MemberEnvelope => ({ entity, own: Buffer.alloc(size, 1) });

async function cut(envelopes: readonly MemberEnvelope[]): Promise<MemberEnvelope[][]> {
  // eslint wants no await in a generator that has none to wait for: the values come as they are
  async function* given(): AsyncGenerator<MemberEnvelope> {
    for (const one of envelopes) yield Promise.resolve(one);
  }
  const parts: MemberEnvelope[][] = [];
  for await (const part of partsOf(given())) parts.push([...part]);
  return parts;
}

describe('parts of a push', () => {
  test.each([
    ['none', 0, 100, []],
    ['one', 1, 100, [1]],
    ['as many as fit', 500, 100, [500]],
    ['one more', 501, 100, [500, 1]],
    ['large ones', 3, PART_BYTES / 2, [1, 1, 1]],
    ['one that is too large for any', 2, PART_BYTES + 1, [1, 1]],
  ])('%s', async (_what, count, size, lengths) => {
    const envelopes = Array.from({ length: count }, (_, n) => envelope(pne(`${n}`), size));
    expect((await cut(envelopes)).map(({ length }) => length)).toEqual(lengths);
  });

  test('whatever their sizes: all of them, in order, within the limits', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 60_000 }), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(sizes, async (all) => {
        const envelopes = all.map((size, n) => envelope(pne(`${n}`), size));
        const parts = await cut(envelopes);
        expect(parts.flat()).toEqual(envelopes);
        for (const part of parts) {
          expect(part.length).toBeLessThanOrEqual(PART_ENVELOPES);
          expect(part.reduce((sum, { own }) => sum + own.length, 0)).toBeLessThanOrEqual(PART_BYTES);
        }
      }),
      { numRuns: 50 },
    );
  });
});

test('a part is told from another by whom it is for and what it brings', () => {
  const [a, b] = [envelope(pne('a')), envelope(pne('b'))];
  const ids = [
    partId('g', 1n, [a]),
    partId('g', 1n, [b]),
    partId('g', 1n, [a, b]),
    partId('g', 1n, [envelope(pne('a'), 99)]),
    partId('g', 2n, [a]),
    partId('h', 1n, [a]),
  ];
  expect(new Set(ids).size).toBe(ids.length);
  expect(partId('g', 1n, [envelope(pne('a'))])).toBe(ids[0]);
});
