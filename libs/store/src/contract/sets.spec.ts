import { itHolds } from '@cpns/core/testing';
import fc from 'fast-check';
import { at, bytes, clock, eachStore, fresh, inSet, other, put, store } from '../testing/each-store';
import type { Page } from '../port';

async function pages(next: (cursor: string | undefined) => Promise<Page>): Promise<string[][]> {
  const all: string[][] = [];
  let cursor: string | undefined;
  do {
    const page = await next(cursor);
    all.push([...page.items]);
    cursor = page.next;
  } while (cursor !== undefined);
  return all;
}

const member = fc.string({ minLength: 1, maxLength: 20 }).filter((text) => /^[\x20-\x7a|~]+$/.test(text));

eachStore(() => {
  describe('sets', () => {
    it('has no member at the beginning', async () => {
      expect(await store.members(at, 's', undefined, 10)).toEqual({ items: [] });
      expect(await store.isMember(at, 's', 'a')).toBe(false);
    });

    it('adds and removes, both without notice of what is so already', async () => {
      const change = (field: 'addTo' | 'removeFrom', name: string) =>
        store.commit(at, { [field]: [{ set: 's', member: name }] });
      for (const name of ['a', 'a', 'b']) expect((await change('addTo', name)).ok).toBe(true);
      expect(await other.members(at, 's', undefined, 10)).toEqual({ items: ['a', 'b'] });
      for (const name of ['a', 'a', 'z']) expect((await change('removeFrom', name)).ok).toBe(true);
      expect(await other.members(at, 's', undefined, 10)).toEqual({ items: ['b'] });
      expect(await other.isMember(at, 's', 'a')).toBe(false);
      expect(await other.isMember(at, 's', 'b')).toBe(true);
    });

    it('keeps sets apart, also from sets of other aggregates', async () => {
      const [one, two] = [fresh(), fresh()];
      await store.commit(one, { addTo: [...inSet('s', 'a'), ...inSet('s:t', 'b'), ...inSet('S', 'c')] });
      await store.commit(two, { addTo: [{ set: 's', member: 'd' }] });
      expect((await store.members(one, 's', undefined, 10)).items).toEqual(['a']);
      expect((await store.members(one, 's:t', undefined, 10)).items).toEqual(['b']);
      expect((await store.members(two, 's', undefined, 10)).items).toEqual(['d']);
    });

    itHolds(
      'pages in byte order, each member once, for any members and page size (property)',
      [fc.uniqueArray(member, { maxLength: 30 }), fc.integer({ min: 1, max: 12 })],
      async (members, limit) => {
        const at = fresh();
        await store.commit(at, { addTo: inSet('s', ...members) });
        const all = await pages((cursor) => store.members(at, 's', cursor, limit));
        expect(all.flat()).toEqual([...members].sort((a, b) => Buffer.compare(bytes(a), bytes(b))));
        expect(all.slice(0, -1).every((page) => page.length === limit)).toBe(true);
      },
      { numRuns: 20 },
    );

    it('goes on paging where the member of the cursor was removed', async () => {
      await store.commit(at, { addTo: inSet('s', 'a', 'b', 'c', 'd') });
      const { next } = await store.members(at, 's', undefined, 2);
      await store.commit(at, { removeFrom: [{ set: 's', member: 'b' }] });
      expect((await store.members(at, 's', next, 2)).items).toEqual(['c', 'd']);
    });
  });

  describe('lists', () => {
    const addTo = [{ set: 's', member: 'm' }];

    it('lists the aggregates of a kind that hold a record, a member or a log, in byte order', async () => {
      const seen = { name: 'a', revision: 'absent' } as const;
      await store.commit({ kind: 'listed', id: 'record' }, put('a', 'x'));
      await store.commit({ kind: 'listed', id: 'set' }, { addTo });
      await store.commit({ kind: 'listed', id: 'log' }, { append: [{ log: 'l', dedupeId: '1', value: bytes('x') }] });
      await store.commit({ kind: 'listed', id: 'cpns://pn1.td.example/pne/a' }, { addTo });
      await store.commit({ kind: 'listed-not', id: 'other' }, { addTo });
      const conflict = { expect: [{ name: 'a', revision: 7n }], addTo };
      await store.commit({ kind: 'listed', id: 'conflict' }, conflict);
      await store.commit({ kind: 'listed', id: 'checked' }, { expect: [seen] });
      const ids = ['cpns://pn1.td.example/pne/a', 'log', 'record', 'set'];
      expect(await other.list('listed', undefined, 100)).toEqual({ items: ids });
      expect((await pages((cursor) => other.list('listed', cursor, 1))).flat()).toEqual(ids);
      expect((await pages((cursor) => other.list('listed', cursor, 3))).flat()).toEqual(ids);
    });

    it('lists nothing of an unknown kind', async () => {
      expect(await store.list('unheard-of', undefined, 10)).toEqual({ items: [] });
    });

    it('drops an aggregate that holds nothing any more, and lists it when it does again', async () => {
      const at = { kind: 'coming-and-going', id: 'x' };
      for (let round = 0; round < 3; round++) {
        await store.commit(at, { ...put('a', 'x'), addTo });
        expect((await other.list(at.kind, undefined, 10)).items).toEqual(['x']);
        await store.commit(at, { expect: [{ name: 'a', revision: 1n }], delete: ['a'] });
        expect((await other.list(at.kind, undefined, 10)).items).toEqual(['x']);
        await store.commit(at, { removeFrom: addTo });
        // twice with time in between, since an adapter may forget it only at the second look
        expect((await other.list(at.kind, undefined, 10)).items).toEqual([]);
        clock.advance(round * 60_000);
        expect((await other.list(at.kind, undefined, 10)).items).toEqual([]);
      }
    });

    it('keeps an aggregate whose log was trimmed: its sequences go on', async () => {
      const at = { kind: 'trimmed-away', id: 'x' };
      await store.commit(at, { append: [{ log: 'l', dedupeId: '1', value: bytes('x') }] });
      await store.commit(at, { trim: [{ log: 'l', upTo: 1n }] });
      expect((await store.list(at.kind, undefined, 10)).items).toEqual(['x']);
    });
  });
});
