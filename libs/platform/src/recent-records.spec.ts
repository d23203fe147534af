import { EntityUserKey } from '@cpns/core';
import { reasonOfAsync } from '@cpns/core/testing';
import { at, defineRecord, jsonField, type Records, SealedRecords, secretField, type Aggregate } from '@cpns/store';
import { recordsOn, temporaryStore, type TemporaryStore } from '@cpns/store/testing';
import { RecentRecords } from './recent-records';

const PLAIN = defineRecord('plain', { text: jsonField<string>() });
const SECRET = defineRecord('secret', { key: secretField(EntityUserKey) });
/** Of a process that remembers two. */
class FewRecentRecords extends RecentRecords {
  protected override capacity() {
    return 2;
  }
}

const X: Aggregate = { kind: 'thing', id: 'x' };
const Y: Aggregate = { kind: 'thing', id: 'y' };

describe('RecentRecords', () => {
  let temporary: TemporaryStore;
  let records: Records;
  let recent: RecentRecords;
  let opened: jest.SpyInstance;
  beforeEach(async () => {
    temporary = await temporaryStore();
    records = await recordsOn(temporary.store);
    recent = new FewRecentRecords(temporary.store, records);
    opened = jest.spyOn(SealedRecords.prototype, 'authenticate');
  });
  afterEach(async () => {
    opened.mockRestore();
    await temporary.dispose();
  });

  const put = (aggregate: Aggregate, text: string, name = 'plain') =>
    records.transact(aggregate, { plain: at(PLAIN, name) }, () => ({ result: undefined, put: { plain: { text } } }));
  const read = async (aggregate = X, name = 'plain') =>
    (await recent.read(aggregate, { plain: at(PLAIN, name) })).plain?.text;
  /** How many records were opened for it. */
  const opens = async (work: () => Promise<unknown>) => {
    opened.mockClear();
    await work();
    return opened.mock.calls.length;
  };

  it('says what the store says, and opens what it knows once', async () => {
    expect(await read()).toBeUndefined();
    await put(X, 'one');
    expect(await read()).toBe('one');
    expect(await opens(async () => expect(await read()).toBe('one'))).toBe(0);
    await put(X, 'two');
    expect(await read()).toBe('two');
    await put(X, 'two');
    expect(await opens(read)).toBe(1);
  });

  it('does not take one place for another', async () => {
    await put(X, 'x');
    await put(Y, 'y');
    await put(X, 'other', 'other');
    expect([await read(X), await read(Y), await read(X, 'other')]).toEqual(['x', 'y', 'other']);
  });

  it('takes any name for a name, also one that objects have from elsewhere', async () => {
    await put(X, 'one', '__proto__');
    const wanted = Object.fromEntries(['__proto__', 'constructor'].map((name) => [name, at(PLAIN, name)]));
    expect(Object.entries(await recent.read(X, wanted))).toEqual([['__proto__', { text: 'one' }]]);
  });

  it('refuses what was altered, moved or put back since it was known', async () => {
    await put(X, 'one');
    const old = (await temporary.store.read(X, ['plain'])).get('plain')!;
    await put(Y, 'y');
    const moved = (await temporary.store.read(Y, ['plain'])).get('plain')!;
    await read();
    const altered = Buffer.from(old.value);
    altered[20]! ^= 1;
    let revision = old.revision;
    for (const value of [altered, moved.value, old.value]) {
      await temporary.store.commit(X, { expect: [{ name: 'plain', revision }], put: [{ name: 'plain', value }] });
      revision += 1n;
      expect(await reasonOfAsync(read)).toContain('STORED_RECORD_INVALID');
    }
  });

  it('remembers so many, those that were asked for last', async () => {
    for (const name of ['a', 'b', 'c']) await put(X, name, name);
    for (const name of ['a', 'b', 'a', 'c']) await read(X, name);
    expect(recent.remembered).toBe(2);
    expect(await opens(() => read(X, 'a'))).toBe(0);
    expect(await opens(() => read(X, 'b'))).toBe(1);
  });

  it('remembers a secret sealed, and opens it anew for each', async () => {
    const key = new EntityUserKey(Buffer.alloc(32, 7));
    await records.transact(X, { key: at(SECRET) }, () => ({ result: undefined, put: { key: { key } } }));
    const wanted = { key: at(SECRET) };
    const first = (await recent.read(X, wanted)).key?.key;
    expect(first?.equals(key)).toBe(true);
    first?.destroy();
    expect(await opens(async () => expect((await recent.read(X, wanted)).key?.key.equals(key)).toBe(true))).toBe(0);
  });
});
