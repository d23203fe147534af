import { eventually } from '@cpns/core/testing';
import { at, bytes, committed, eachStore, fresh, other, store } from '../testing/each-store';
import type { Aggregate, Store } from '../port';

async function append(store: Store, at: Aggregate, ...ids: string[]): Promise<readonly bigint[]> {
  const result = await store.commit(at, {
    append: ids.map((dedupeId) => ({ log: 'l', dedupeId, value: bytes(`value of ${dedupeId}`) })),
  });
  return committed(result).sequences;
}

const idsOf = async (store: Store, at: Aggregate, after = 0n, limit = 100) =>
  (await store.readLog(at, 'l', after, limit)).entries.map(({ sequence, dedupeId }) => `${sequence}:${dedupeId}`);

eachStore(() => {
  describe('logs', () => {
    it('is empty at the beginning', async () => {
      expect(await store.readLog(fresh(), 'l', 0n, 10)).toEqual({ entries: [], trimmedTo: 0n, last: 0n });
    });

    it('gives the sequences 1, 2, 3 … per log', async () => {
      expect(await append(store, at, 'a', 'b')).toEqual([1n, 2n]);
      expect(await append(other, at, 'c')).toEqual([3n]);
      const elsewhere = await store.commit(at, { append: [{ log: 'm', dedupeId: 'a', value: bytes('') }] });
      expect(committed(elsewhere).sequences).toEqual([1n]);
      const entry = (sequence: bigint, id: string) => ({ sequence, dedupeId: id, value: bytes(`value of ${id}`) });
      const entries = [entry(1n, 'a'), entry(2n, 'b'), entry(3n, 'c')];
      expect((await other.readLog(at, 'l', 0n, 10)).entries).toEqual(entries);
    });

    it('answers a known dedupe id with its sequence and appends nothing', async () => {
      await append(store, at, 'a', 'b');
      expect(await append(other, at, 'a', 'c', 'c', 'b')).toEqual([1n, 3n, 3n, 2n]);
      expect(await idsOf(store, at)).toEqual(['1:a', '2:b', '3:c']);
    });

    it('reads after a sequence, as many as asked for', async () => {
      await append(store, at, 'a', 'b', 'c', 'd', 'e');
      expect(await idsOf(store, at, 2n, 2)).toEqual(['3:c', '4:d']);
      expect(await idsOf(store, at, 5n)).toEqual([]);
      expect(await idsOf(store, at, 900n)).toEqual([]);
      expect((await store.readLog(at, 'l', 900n, 1)).last).toBe(5n);
    });

    it('reads many entries in their order, past 9 and past 99', async () => {
      const ids = Array.from({ length: 120 }, (_, index) => `id-${index}`);
      await append(store, at, ...ids);
      expect(await idsOf(store, at, 0n, 1_000)).toEqual(ids.map((id, index) => `${index + 1}:${id}`));
    });

    it('ends a page before it gets too large, but never empty', async () => {
      const value = Buffer.alloc(1024 * 1024, 1);
      for (let n = 0; n < 10; n++) await store.commit(at, { append: [{ log: 'l', dedupeId: `${n}`, value }] });
      const first = await idsOf(store, at, 0n, 1_000);
      expect(first.length).toBeGreaterThan(0);
      expect(first.length).toBeLessThan(10);
      expect((await idsOf(store, at, BigInt(first.length), 1_000))[0]).toMatch(new RegExp(`^${first.length + 1}:`));
    });

    it.each([
      ['in the middle', 2n, 2n, ['3:c', '4:d']],
      ['to the end', 4n, 4n, []],
      ['beyond the end, as far as there is any', 99n, 4n, []],
      ['to nothing', 0n, 0n, ['1:a', '2:b', '3:c', '4:d']],
    ])('trims %s', async (_, upTo, trimmedTo, left) => {
      await append(store, at, 'a', 'b', 'c', 'd');
      await store.commit(at, { trim: [{ log: 'l', upTo }] });
      expect(await idsOf(other, at)).toEqual(left);
      expect(await other.readLog(at, 'l', 0n, 10)).toMatchObject({ trimmedTo, last: 4n });
      expect(await append(other, at, 'e')).toEqual([5n]);
    });

    it('never takes a trim back, and trims a log that never was to nothing', async () => {
      await store.commit(at, { trim: [{ log: 'l', upTo: 3n }] });
      expect(await append(store, at, 'a', 'b', 'c')).toEqual([1n, 2n, 3n]);
      await store.commit(at, { trim: [{ log: 'l', upTo: 2n }] });
      await store.commit(at, { trim: [{ log: 'l', upTo: 1n }] });
      expect(await store.readLog(at, 'l', 0n, 10)).toMatchObject({ trimmedTo: 2n, last: 3n });
      expect(await idsOf(store, at)).toEqual(['3:c']);
    });

    it('remembers a dedupe id until its entry is trimmed', async () => {
      await append(store, at, 'a', 'b');
      await store.commit(at, { trim: [{ log: 'l', upTo: 1n }] });
      expect(await append(store, at, 'b', 'a')).toEqual([2n, 3n]);
    });

    it('trims what the same commit appended', async () => {
      const append = [{ log: 'l', dedupeId: 'a', value: bytes('a') }];
      await store.commit(at, { append, trim: [{ log: 'l', upTo: 1n }] });
      expect(await store.readLog(at, 'l', 0n, 10)).toEqual({ entries: [], trimmedTo: 1n, last: 1n });
    });

    it('trims hundreds of entries at once', async () => {
      await append(store, at, ...Array.from({ length: 700 }, (_, index) => `${index}`));
      await store.commit(at, { trim: [{ log: 'l', upTo: 690n }] });
      expect((await idsOf(store, at))[0]).toBe('691:690');
      expect(await append(store, at, '689', '690')).toEqual([701n, 691n]);
    });
  });

  describe('watches', () => {
    it('wakes whoever watches the log on any handle, and no other log', async () => {
      const [at, elsewhere] = [fresh(), fresh()];
      const stop = new AbortController();
      const woken = { same: 0, other: 0, log: 0, aggregate: 0 };
      await store.watch(at, 'l', () => woken.same++, stop.signal);
      await other.watch(at, 'l', () => woken.other++, stop.signal);
      await other.watch(at, 'm', () => woken.log++, stop.signal);
      await other.watch(elsewhere, 'l', () => woken.aggregate++, stop.signal);
      // a wake-up may come with the beginning of a watch; it is over after this
      await new Promise((resolve) => setTimeout(resolve, 50));
      const before = { ...woken };
      await append(store, at, 'a');
      await eventually(() => expect(woken.same > before.same && woken.other > before.other).toBe(true));
      expect([woken.log, woken.aggregate]).toEqual([before.log, before.aggregate]);
      stop.abort();
    });

    it('ends with its signal, and leaves other watches of the log', async () => {
      const [ended, going] = [new AbortController(), new AbortController()];
      let [wokenEnded, wokenGoing] = [0, 0];
      await store.watch(at, 'l', () => wokenEnded++, ended.signal);
      await store.watch(at, 'l', () => wokenGoing++, going.signal);
      ended.abort();
      await new Promise((resolve) => setTimeout(resolve, 50));
      const [beforeEnded, beforeGoing] = [wokenEnded, wokenGoing];
      await append(store, at, 'a');
      await eventually(() => expect(wokenGoing > beforeGoing).toBe(true));
      expect(wokenEnded).toBe(beforeEnded);
      going.abort();
    });

    it('does nothing for a signal that has aborted', async () => {
      let woken = 0;
      await store.watch(at, 'l', () => woken++, AbortSignal.abort());
      await append(store, at, 'a');
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(woken).toBe(0);
    });
  });
});
