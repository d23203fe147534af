import { bytes, clock, eachStore, everyCall, other, put, store } from '../testing/each-store';
import { dump } from '../testing/dump';
import type { Commit, Store } from '../port';

const seen = { name: 'a', revision: 'absent' } as const;
const value = bytes('x');
const at = { kind: 'refused', id: 'x' };
const many = (count: number) => Array.from({ length: count }, (_, index) => `n${index}`);

const COMMITS: [string, Commit][] = [
  ['a put without its expectation', { put: [{ name: 'a', value }] }],
  ['a put with the expectation of another', { expect: [seen], put: [{ name: 'b', value }] }],
  ['a delete without its expectation', { delete: ['a'] }],
  ['a record expected twice', { expect: [seen, { name: 'a', revision: 1n }] }],
  ['a record put twice', { expect: [seen], put: ['a', 'a'].map((name) => ({ name, value })) }],
  ['a record put and deleted', { expect: [seen], put: [{ name: 'a', value }], delete: ['a'] }],
  ['revision 0', { expect: [{ name: 'a', revision: 0n }] }],
  ['a negative revision', { expect: [{ name: 'a', revision: -1n }] }],
  ['a value over 1 MiB', { expect: [seen], put: [{ name: 'a', value: Buffer.alloc(1024 * 1024 + 1) }] }],
  ['an entry over 1 MiB', { append: [{ log: 'l', dedupeId: '1', value: Buffer.alloc(1024 * 1024 + 1) }] }],
  ['over 8 MiB', { append: many(9).map((dedupeId) => ({ log: 'l', dedupeId, value: Buffer.alloc(1024 * 1024) })) }],
  ['over 6,000 items', { addTo: many(6001).map((member) => ({ set: 's', member })) }],
  ['an expiry that is no whole number', { expect: [seen], put: [{ name: 'a', value, expiresAt: 1.5 }] }],
  ['a negative expiry', { expect: [seen], put: [{ name: 'a', value, expiresAt: -1 }] }],
  ['an empty record name', { expect: [{ name: '', revision: 'absent' }] }],
  ['a record name with a slash', { expect: [{ name: 'a/b', revision: 'absent' }] }],
  ['a record name with a brace', { expect: [{ name: 'a}', revision: 'absent' }] }],
  ['a record name with a control character', { expect: [{ name: 'a\0', revision: 'absent' }] }],
  ['a record name that ends in a line feed', { expect: [{ name: 'a\n', revision: 'absent' }] }],
  ['a record name over 256 bytes', { expect: [{ name: 'a'.repeat(257), revision: 'absent' }] }],
  ['a record name outside ASCII', { expect: [{ name: 'ä', revision: 'absent' }] }],
  ['a member over 512 bytes', { addTo: [{ set: 's', member: 'a'.repeat(513) }] }],
  ['an empty member', { removeFrom: [{ set: 's', member: '' }] }],
  ['an empty set name', { addTo: [{ set: '', member: 'm' }] }],
  ['an empty dedupe id', { append: [{ log: 'l', dedupeId: '', value }] }],
  ['a log name with a slash', { append: [{ log: 'l/m', dedupeId: '1', value }] }],
  ['a negative trim', { trim: [{ log: 'l', upTo: -1n }] }],
  ['a trim with an id of 15 bytes', { trim: [{ log: 'l', upTo: 1n, entryId: Buffer.alloc(15) }] }],
  ['a trim with an empty id', { trim: [{ log: 'l', upTo: 1n, entryId: Buffer.alloc(0) }] }],
];

const CALLS: [string, (store: Store) => Promise<unknown>][] = [
  ['a kind in capitals', (store) => store.read({ kind: 'Kind', id: 'x' }, ['a'])],
  ['a kind with a slash', (store) => store.commit({ kind: 'a/b', id: 'x' }, { addTo: [{ set: 's', member: 'm' }] })],
  ['an empty id', (store) => store.isMember({ kind: 'k', id: '' }, 's', 'm')],
  ['an id with a brace', (store) => store.readLog({ kind: 'k', id: 'a}b' }, 'l', 0n, 1)],
  ['an id over 512 bytes', (store) => store.members({ kind: 'k', id: 'a'.repeat(513) }, 's', undefined, 1)],
  ['over 6,000 names', (store) => store.read(at, many(6001))],
  ['a page of nothing', (store) => store.members(at, 's', undefined, 0)],
  ['a page over 1,000', (store) => store.list('k', undefined, 1001)],
  ['a page of a fraction', (store) => store.readLog(at, 'l', 0n, 1.5)],
  ['a sequence below 0', (store) => store.readLog(at, 'l', -1n, 1)],
  ['a watch of no log', (store) => store.watch(at, '', () => undefined, new AbortController().signal)],
];

eachStore((open) => {
  describe('refusals', () => {
    // what a refused commit could change
    beforeAll(() => store.commit({ ...at, id: 'kept' }, { ...put('a', 'x'), addTo: [{ set: 's', member: 'm' }] }));

    it.each(COMMITS)('refuses %s and changes nothing', async (_, commit) => {
      const before = await dump(store);
      await expect(store.commit(at, commit)).rejects.toThrow(RangeError);
      expect(await dump(store)).toEqual(before);
    });

    it.each(CALLS)('refuses %s', async (_, call) => {
      await expect(call(store)).rejects.toThrow(RangeError);
    });

    it.each([
      ['is empty', ''],
      ['holds a control character', 'a\0b'],
      ['is not ASCII', 'ä'],
      ['is too long', 'a'.repeat(513)],
      ['holds a brace', 'a}'],
    ])('refuses a cursor that %s as a page token that it never gave', async (_, cursor) => {
      const reason = { name: 'CpnsError', reason: 'PAGE_TOKEN_INVALID' };
      await expect(store.members(at, 's', cursor, 1)).rejects.toMatchObject(reason);
      await expect(store.list('k', cursor, 1)).rejects.toMatchObject(reason);
    });

    it('takes names of the largest sizes everywhere at once', async () => {
      const largest = { kind: 'k'.repeat(64), id: '~'.repeat(512) };
      const name = '|'.repeat(256);
      await store.commit(largest, {
        ...put(name, value, 'absent', clock.now() + 60_000),
        addTo: [{ set: name, member: '~'.repeat(512) }],
        append: [{ log: name, dedupeId: '~'.repeat(512), value }],
      });
      expect((await other.read(largest, [name])).size).toBe(1);
      expect(await other.isMember(largest, name, '~'.repeat(512))).toBe(true);
      expect((await other.readLog(largest, name, 0n, 1)).entries).toHaveLength(1);
      expect((await other.list(largest.kind, undefined, 1)).items).toEqual([largest.id]);
    });
  });

  describe('life', () => {
    it('answers ping while it is there', async () => {
      await expect(store.ping()).resolves.toBeUndefined();
    });

    it('refuses everything after close, which may come twice, and leaves other handles alone', async () => {
      const closed = await open();
      let woken = 0;
      await closed.watch(at, 'l', () => woken++, new AbortController().signal);
      await closed.close();
      await closed.close();
      const wokenBefore = woken;
      const watch = () => closed.watch(at, 'l', () => undefined, new AbortController().signal);
      for (const call of [...everyCall(closed, at), watch])
        await expect(call()).rejects.toMatchObject({ reason: 'DEPENDENCY_UNAVAILABLE' });
      await store.commit(at, { append: [{ log: 'l', dedupeId: '1', value }] });
      expect((await other.readLog(at, 'l', 0n, 1)).last).toBe(1n);
      expect(woken).toBe(wokenBefore);
    });
  });
});
