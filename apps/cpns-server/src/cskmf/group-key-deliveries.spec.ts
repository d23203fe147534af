/** How a Group Key for many members is cut into messages. */
import type { MemberEnvelope } from '@cpns/contracts';
import fc from 'fast-check';
import { pne } from '../testing/world';
import { PART_BYTES, PART_ENVELOPES, partsOf, type PushedPart } from './group-key-deliveries';

const envelope = (entity: string, size = 100): MemberEnvelope => ({ entity, own: Buffer.alloc(size, 1) });

async function cut(envelopes: readonly MemberEnvelope[]): Promise<PushedPart[]> {
  // eslint wants no await in a generator that has none to wait for: the values come as they are
  async function* given(): AsyncGenerator<MemberEnvelope> {
    for (const one of envelopes) yield Promise.resolve(one);
  }
  const parts: PushedPart[] = [];
  for await (const part of partsOf(given())) parts.push(part);
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
    const parts = await cut(envelopes);
    expect(parts.map((one) => one.envelopes.length)).toEqual(lengths);
    expect(parts.map(({ part, more }) => [part, more])).toEqual(lengths.map((_, n) => [n, n < lengths.length - 1]));
  });

  test('whatever their sizes: all of them, in order, within the limits', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 60_000 }), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(sizes, async (all) => {
        const envelopes = all.map((size, n) => envelope(pne(`${n}`), size));
        const parts = await cut(envelopes);
        expect(parts.flatMap((one) => one.envelopes)).toEqual(envelopes);
        for (const { envelopes: part } of parts) {
          expect(part.length).toBeLessThanOrEqual(PART_ENVELOPES);
          expect(part.reduce((sum, { own }) => sum + own.length, 0)).toBeLessThanOrEqual(PART_BYTES);
        }
      }),
      { numRuns: 50 },
    );
  });
});
