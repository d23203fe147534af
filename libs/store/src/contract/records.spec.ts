import { itHolds } from '@cpns/core/testing';
import fc from 'fast-check';
import { dump } from '../testing/dump';
import {
  at,
  bytes,
  committed,
  eachStore,
  expecting,
  fresh,
  inSet,
  other,
  put,
  putting,
  store,
} from '../testing/each-store';
import type { Commit } from '../port';

const seen = { name: 'a', revision: 'absent' } as const;

eachStore(() => {
  describe('records', () => {
    it('reads nothing where nothing was put', async () => {
      expect(await store.read(fresh(), ['a', 'b'])).toEqual(new Map());
    });

    it('gives revision 1 to a record that was absent, and one more at each put', async () => {
      const first = committed(await store.commit(at, put('a', 'one')));
      expect(first.revisions).toEqual(new Map([['a', 1n]]));
      const second = committed(await store.commit(at, put('a', 'two', 1n)));
      expect(second.revisions).toEqual(new Map([['a', 2n]]));
      expect(await store.read(at, ['a'])).toEqual(new Map([['a', { revision: 2n, value: bytes('two') }]]));
    });

    it('shows a commit to the other handle at once', async () => {
      await other.read(at, ['a']);
      await store.commit(at, put('a', 'x'));
      expect((await other.read(at, ['a'])).get('a')?.value).toEqual(bytes('x'));
    });

    it('reads only the records that are asked for', async () => {
      await store.commit(at, {
        expect: expecting({ a: 'absent', b: 'absent', c: 'absent' }),
        put: putting({ a: 'a', b: 'b', c: 'c' }),
      });
      expect([...(await store.read(at, ['c', 'a', 'z'])).keys()].sort()).toEqual(['a', 'c']);
      expect(await store.read(at, [])).toEqual(new Map());
    });

    it('deletes, and starts anew at revision 1', async () => {
      await store.commit(at, put('a', 'x'));
      await store.commit(at, { expect: [{ name: 'a', revision: 1n }], delete: ['a'] });
      expect((await store.read(at, ['a'])).size).toBe(0);
      const again = committed(await store.commit(at, put('a', 'y')));
      expect(again.revisions.get('a')).toBe(1n);
    });

    it('keeps aggregates apart whose names run into each other', async () => {
      const { id } = fresh();
      const places = [
        [{ kind: 'k', id }, 'a'],
        [{ kind: 'k', id: `${id}/a` }, 'a'],
        [{ kind: 'k', id: `${id}r:a` }, 'a'],
        [{ kind: 'k', id: `${id}/` }, 'a'],
        [{ kind: 'k-k', id }, 'a'],
        [{ kind: 'k', id }, 'a:a'],
        [{ kind: 'k', id }, 'A'],
      ] as const;
      for (const [index, [at, name]] of places.entries()) await store.commit(at, put(name, `${index}`));
      for (const [index, [at, name]] of places.entries())
        expect((await store.read(at, [name])).get(name)?.value).toEqual(bytes(`${index}`));
    });

    it.each([
      ['no byte', Buffer.alloc(0)],
      ['one zero byte', Buffer.alloc(1)],
      ['what looks like a stored header', bytes('1:2:3')],
      ['bytes that are no UTF-8', Buffer.from([0xff, 0xfe, 0x00, 0xc3, 0x28])],
      ['the largest value', Buffer.alloc(1024 * 1024, 0xa5)],
    ])('returns a value of %s as it was put', async (_, value) => {
      await store.commit(at, put('a', value));
      expect((await other.read(at, ['a'])).get('a')?.value.equals(value)).toBe(true);
    });

    itHolds(
      'returns any value as it was put (property)',
      [fc.uint8Array({ maxLength: 200 })],
      async (value) => {
        const at = fresh();
        await store.commit(at, { expect: [seen], put: [{ name: 'a', value }] });
        expect((await store.read(at, ['a'])).get('a')?.value).toEqual(Buffer.from(value));
      },
      { numRuns: 25 },
    );

    it('takes no notice of a buffer that is changed after the call', async () => {
      const value = bytes('before');
      await store.commit(at, { expect: [seen], put: [{ name: 'a', value }] });
      value.fill(0);
      const read = (await store.read(at, ['a'])).get('a');
      read?.value.fill(0);
      expect((await store.read(at, ['a'])).get('a')?.value).toEqual(bytes('before'));
    });
  });

  describe('conflicts', () => {
    it.each<[string, bigint | 'absent', bigint | 'absent']>([
      ['absent was expected and there is one', 1n, 'absent'],
      ['one was expected and there is none', 'absent', 1n],
      ['an older revision was expected', 2n, 1n],
      ['a newer revision was expected', 1n, 2n],
    ])('is one when %s', async (_, actual, expected) => {
      for (let revision = 0n; actual !== 'absent' && revision < actual; revision++)
        await store.commit(at, put('a', 'x', revision === 0n ? 'absent' : revision));
      const result = await store.commit(at, { expect: expecting({ a: expected }), addTo: inSet('s', 'm') });
      expect(result).toEqual({ ok: false, conflict: 'a' });
      expect(await store.isMember(at, 's', 'm')).toBe(false);
    });

    it('names the first record that is not as expected', async () => {
      const others = expecting({ b: 4n, c: 5n });
      const result = await store.commit(at, { ...put('a', 'x'), expect: [seen, ...others] });
      expect(result).toEqual({ ok: false, conflict: 'b' });
    });

    it('changes nothing at all, of any part of the commit', async () => {
      const at = fresh('untouched');
      await store.commit(at, {
        expect: expecting({ a: 'absent', b: 'absent' }),
        put: putting({ a: 'a', b: 'b' }),
        addTo: inSet('s', 'm'),
        append: [{ log: 'l', dedupeId: '1', value: bytes('1') }],
      });
      const before = await dump(store);
      const everything: Commit = {
        expect: expecting({ a: 1n, b: 1n, new: 'absent', z: 9n }),
        put: putting({ a: 'changed', new: 'new' }),
        delete: ['b'],
        addTo: inSet('s', 'more'),
        removeFrom: inSet('s', 'm'),
        append: [{ log: 'l', dedupeId: '2', value: bytes('2') }],
        trim: [{ log: 'l', upTo: 1n }],
      };
      expect(await store.commit(at, everything)).toEqual({ ok: false, conflict: 'z' });
      expect(await dump(store)).toEqual(before);
      expect(before[`untouched/${at.id}`]).toEqual({
        records: { a: { revision: '1', value: 'YQ==' }, b: { revision: '1', value: 'Yg==' } },
        sets: { s: ['m'] },
        logs: { l: { last: '1', trimmedTo: '0', entries: [{ sequence: '1', dedupeId: '1', value: 'MQ==' }] } },
      });
    });

    it('lets a commit that only expects be a check', async () => {
      expect(committed(await store.commit(at, { expect: [seen] })).revisions.size).toBe(0);
      expect(await store.commit(at, { expect: [{ name: 'a', revision: 1n }] })).toEqual({ ok: false, conflict: 'a' });
    });
  });

  it('applies every part of a commit together', async () => {
    await store.commit(at, {
      ...put('a', 'a'),
      addTo: [{ set: 's', member: 'old' }],
      append: [{ log: 'l', dedupeId: '1', value: bytes('1') }],
    });
    const result = committed(
      await store.commit(at, {
        expect: expecting({ a: 1n, b: 'absent' }),
        put: putting({ b: 'b' }),
        delete: ['a'],
        addTo: [...inSet('s', 'new'), ...inSet('both', 'x')],
        removeFrom: [...inSet('s', 'old'), ...inSet('both', 'x')],
        append: [
          { log: 'l', dedupeId: '2', value: bytes('2') },
          { log: 'm', dedupeId: '2', value: bytes('other log') },
        ],
        trim: [{ log: 'l', upTo: 1n }],
      }),
    );
    expect(result.revisions).toEqual(new Map([['b', 1n]]));
    expect(result.sequences).toEqual([2n, 1n]);
    expect([...(await other.read(at, ['a', 'b'])).keys()]).toEqual(['b']);
    expect(await other.members(at, 's', undefined, 10)).toEqual({ items: ['new'] });
    expect(await other.members(at, 'both', undefined, 10)).toEqual({ items: [] });
    const log = await other.readLog(at, 'l', 0n, 10);
    const entry = { sequence: 2n, dedupeId: '2', value: bytes('2') };
    expect(log).toMatchObject({ entries: [entry], trimmedTo: 1n, last: 2n });
  });
});
