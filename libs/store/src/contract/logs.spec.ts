import { eventually } from '@cpns/core/testing';
import { at, bytes, committed, eachStore, fresh, other, put, store } from '../testing/each-store';
import { dump } from '../testing/dump';
import type { Aggregate, Commit, Store } from '../port';

async function append(store: Store, at: Aggregate, ...ids: string[]): Promise<readonly bigint[]> {
  const result = await store.commit(at, {
    append: ids.map((dedupeId) => ({ log: 'l', dedupeId, value: bytes(`value of ${dedupeId}`) })),
  });
  return committed(result).sequences;
}

const idsOf = async (store: Store, at: Aggregate, after = 0n, limit = 100) =>
  (await store.readLog(at, 'l', after, limit)).entries.map(({ sequence, dedupeId }) => `${sequence}:${dedupeId}`);

const NONE = Buffer.alloc(0);

eachStore((open) => {
  describe('logs', () => {
    it('is empty at the beginning', async () => {
      expect(await store.readLog(fresh(), 'l', 0n, 10)).toEqual({
        entries: [],
        trimmedTo: 0n,
        last: 0n,
        lastId: NONE,
        afterId: NONE,
      });
    });

    it('gives the sequences 1, 2, 3 … per log', async () => {
      expect(await append(store, at, 'a', 'b')).toEqual([1n, 2n]);
      expect(await append(other, at, 'c')).toEqual([3n]);
      const elsewhere = await store.commit(at, { append: [{ log: 'm', dedupeId: 'a', value: bytes('') }] });
      expect(committed(elsewhere).sequences).toEqual([1n]);
      const entry = (sequence: bigint, id: string) => ({ sequence, dedupeId: id, value: bytes(`value of ${id}`) });
      const entries = [entry(1n, 'a'), entry(2n, 'b'), entry(3n, 'c')];
      expect((await other.readLog(at, 'l', 0n, 10)).entries).toMatchObject(entries);
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
      expect(await store.readLog(at, 'l', 0n, 10)).toMatchObject({ entries: [], trimmedTo: 1n, last: 1n });
    });

    it('trims hundreds of entries at once', async () => {
      await append(store, at, ...Array.from({ length: 700 }, (_, index) => `${index}`));
      await store.commit(at, { trim: [{ log: 'l', upTo: 690n }] });
      expect((await idsOf(store, at))[0]).toBe('691:690');
      expect(await append(store, at, '689', '690')).toEqual([701n, 691n]);
    });
  });

  describe('ids of entries', () => {
    const appending = (...ids: string[]) => ({
      append: ids.map((dedupeId) => ({ log: 'l', dedupeId, value: bytes('') })),
    });
    const commit = async (...ids: string[]) => committed(await store.commit(at, appending(...ids))).entryIds;
    const read = (after: bigint) => other.readLog(at, 'l', after, 10);
    const trim = (upTo: bigint, entryId: Uint8Array, more: Commit = {}) =>
      other.commit(at, { ...more, trim: [{ log: 'l', upTo, entryId }] });
    const CONFLICT = { ok: false, conflict: 'l' };

    it('are 16 bytes, each another, and come with the append and with the entry', async () => {
      const ids = await commit('a', 'b', 'c');
      expect(ids.map((id) => id.length)).toEqual([16, 16, 16]);
      expect(new Set(ids.map((id) => id.toString('hex'))).size).toBe(3);
      expect((await read(0n)).entries.map(({ entryId }) => entryId)).toEqual(ids);
    });

    it('stay with a dedupe id, and are new when it is appended again', async () => {
      const [first] = await commit('a');
      expect(await commit('a', 'b', 'a')).toEqual([first, expect.anything(), first]);
      await store.commit(at, { trim: [{ log: 'l', upTo: 2n }] });
      expect((await commit('a'))[0]).not.toEqual(first);
    });

    it('are said of the last entry and of the one after which is read, trimmed or not', async () => {
      const [a, b, c] = await commit('a', 'b', 'c');
      await store.commit(at, { trim: [{ log: 'l', upTo: 2n }] });
      const said = async (after: bigint) => {
        const { afterId, lastId } = await read(after);
        return [afterId, lastId];
      };
      expect(await Promise.all([0n, 1n, 2n, 3n, 4n].map(said))).toEqual([NONE, NONE, b, c, NONE].map((id) => [id, c]));
      expect(a).toHaveLength(16);
      await store.commit(at, { trim: [{ log: 'l', upTo: 3n }] });
      expect(await said(3n)).toEqual([c, c]);
    });

    it('let a trim through that names the entry, also when it was the last one trimmed', async () => {
      const [, b] = await commit('a', 'b', 'c');
      for (let time = 0; time < 2; time++) expect(await trim(2n, b!)).toMatchObject({ ok: true });
      expect(await idsOf(store, at)).toEqual(['3:c']);
    });

    it.each<[string, (ids: readonly Buffer[]) => [bigint, Buffer]]>([
      ['names another entry', ([a]) => [2n, a!]],
      ['names none', () => [2n, Buffer.alloc(16)]],
      ['is beyond the end', ([, , c]) => [4n, c!]],
      ['is behind what was trimmed', ([a]) => [0n, a!]],
    ])('refuse a trim that %s, with all else of its commit', async (_, of) => {
      const ids = await commit('a', 'b', 'c');
      const before = await dump(store);
      expect(await trim(...of(ids), { ...put('r', 'x'), ...appending('d') })).toEqual(CONFLICT);
      expect(await dump(store)).toEqual(before);
      await store.commit(at, { trim: [{ log: 'l', upTo: 2n }] });
      expect(await trim(1n, ids[0]!)).toEqual(CONFLICT);
    });
  });

  describe('the incarnation', () => {
    it('is the same on every handle, and of a store alone', async () => {
      const name = await store.incarnation();
      expect(name).toMatch(/^[0-9a-f. ]{32,}$/);
      expect([await other.incarnation(), await (await open()).incarnation()]).toEqual([name, name]);
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
