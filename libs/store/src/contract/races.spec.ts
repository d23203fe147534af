import { at, bytes, eachStore, expecting, other, put, putting, store } from '../testing/each-store';
import type { Aggregate, Store } from '../port';

/** Reads, adds one, commits; again at a conflict. */
async function increment(store: Store, at: Aggregate): Promise<void> {
  for (;;) {
    const counter = (await store.read(at, ['counter'])).get('counter');
    const value = `${Number(counter?.value.toString() ?? '0') + 1}`;
    if ((await store.commit(at, put('counter', value, counter?.revision))).ok) return;
  }
}

eachStore(() => {
  describe('races', () => {
    it('of 50 commits on one revision exactly one wins, at each of several revisions', async () => {
      for (let revision = 0n; revision < 4n; revision++) {
        const expected = revision === 0n ? 'absent' : revision;
        const outcomes = await Promise.all(
          Array.from({ length: 50 }, (_, index) =>
            (index % 2 ? store : other).commit(at, {
              ...put('a', `${index}`, expected),
              append: [{ log: 'winners', dedupeId: `${revision}/${index}`, value: bytes(`${index}`) }],
            }),
          ),
        );
        const winners = outcomes.flatMap((outcome, index) => (outcome.ok ? [index] : []));
        expect(winners).toHaveLength(1);
        const record = (await other.read(at, ['a'])).get('a');
        expect(record).toEqual({ revision: revision + 1n, value: bytes(`${winners[0]}`) });
      }
      expect((await store.readLog(at, 'winners', 0n, 100)).last).toBe(4n);
    });

    it('loses no update of two handles that read, decide and commit', async () => {
      await Promise.all(Array.from({ length: 20 }, (_, index) => increment(index % 2 ? store : other, at)));
      expect((await store.read(at, ['counter'])).get('counter')).toEqual({ revision: 20n, value: bytes('20') });
    });

    it('gives every append of two handles its own sequence, without a gap', async () => {
      const outcomes = await Promise.all(
        Array.from({ length: 50 }, (_, index) =>
          (index % 2 ? store : other).commit(at, { append: [{ log: 'l', dedupeId: `${index}`, value: bytes('x') }] }),
        ),
      );
      const sequences = outcomes.flatMap((outcome) => (outcome.ok ? outcome.sequences : []));
      expect([...sequences].sort((a, b) => Number(a - b))).toEqual(
        Array.from({ length: 50 }, (_, index) => BigInt(index + 1)),
      );
    });

    it('appends an entry once that two handles append together', async () => {
      const one = { append: [{ log: 'l', dedupeId: 'same', value: bytes('x') }] };
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, index) => (index % 2 ? store : other).commit(at, one)),
      );
      expect(outcomes.every((outcome) => outcome.ok && outcome.sequences[0] === 1n)).toBe(true);
      expect((await store.readLog(at, 'l', 0n, 10)).last).toBe(1n);
    });

    it('lets nobody read half a commit', async () => {
      let done = false;
      const torn: string[] = [];
      const reader = (async () => {
        while (!done) {
          const both = await other.read(at, ['a', 'b']);
          if (both.get('a')?.value.toString() !== both.get('b')?.value.toString()) torn.push('a is not b');
          // a read may resolve without a turn of the event loop, and the commits need those
          await new Promise((resolve) => setImmediate(resolve));
        }
      })();
      for (let n = 0; n < 30; n++) {
        const expected = n === 0 ? 'absent' : BigInt(n);
        await store.commit(at, {
          expect: expecting({ a: expected, b: expected }),
          put: putting({ a: `${n}`, b: `${n}` }),
        });
      }
      done = true;
      await reader;
      expect(torn).toEqual([]);
    });
  });
});
