import { KeyedBatches } from './keyed-batches';

describe('KeyedBatches', () => {
  const batches: string[] = [];
  let release: (() => void)[] = [];
  const doubled = new KeyedBatches<number, number>(async (key, items) => {
    batches.push(`${key}: ${items.join(' ')}`);
    await new Promise<void>((resolve) => release.push(resolve));
    if (items.includes(13)) throw new Error('all of them');
    return items.map((item) => (item < 0 ? new RangeError('this one') : 2 * item));
  });
  const next = () => {
    const [first, ...others] = release;
    release = others;
    first?.();
    return new Promise((resolve) => setImmediate(resolve));
  };
  beforeEach(() => batches.splice(0));

  it('works at one batch of a key at a time, and gathers what comes meanwhile', async () => {
    const results = Promise.all([doubled.add('a', 1), doubled.add('a', 2), doubled.add('b', 3), doubled.add('a', 4)]);
    expect(batches).toEqual(['a: 1', 'b: 3']);
    for (let n = 0; n < 3; n++) await next();
    expect(await results).toEqual([2, 4, 6, 8]);
    expect(batches).toEqual(['a: 1', 'b: 3', 'a: 2 4']);
  });

  it('begins anew once all is done', async () => {
    const one = doubled.add('a', 1);
    await next();
    await one;
    const two = doubled.add('a', 2);
    expect(batches).toEqual(['a: 1', 'a: 2']);
    await next();
    expect(await two).toBe(4);
  });

  it('rejects the item that failed, or a batch as a whole, and goes on', async () => {
    const results = Promise.allSettled([-1, 1, -2, 13, 5].map((item) => doubled.add('a', item)));
    const after = async () => {
      await next();
      return doubled.add('a', 6);
    };
    const later = after();
    for (let n = 0; n < 3; n++) await next();
    expect(
      (await results).map((result) => (result.status === 'fulfilled' ? result.value : String(result.reason))),
    ).toEqual(['RangeError: this one', ...Array.from({ length: 4 }, () => 'Error: all of them')]);
    expect(await later).toBe(12);
  });
});
