import { ReadBatches } from './read-batches';

describe('ReadBatches', () => {
  let asked: string[][];
  let answer: (keys: readonly string[]) => Promise<(Buffer | null)[]>;
  let batches: ReadBatches;
  beforeEach(() => {
    asked = [];
    answer = (keys) => Promise.resolve(keys.map((key) => (key === 'none' ? null : Buffer.from(key))));
    batches = new ReadBatches((keys) => {
      asked.push([...keys]);
      return answer(keys);
    });
  });
  const textsOf = async (reading: Promise<readonly (Buffer | null)[]>) =>
    (await reading).map((bytes) => bytes?.toString() ?? null);

  it('asks once for all that begins in a turn, and gives each reader its own', async () => {
    const readings = [['a', 'b'], ['none'], ['b', 'c']].map((keys) => textsOf(batches.read('', keys)));
    expect(await Promise.all(readings)).toEqual([['a', 'b'], [null], ['b', 'c']]);
    expect(asked).toEqual([['a', 'b', 'none', 'b', 'c']]);
  });

  it('never answers with what was asked for before the reader came', async () => {
    let version = 0;
    answer = (keys) => Promise.resolve(keys.map((key) => Buffer.from(`${key}${version}`)));
    const first = batches.read('', ['a']);
    await new Promise(setImmediate);
    version = 1;
    const second = batches.read('', ['a']);
    expect([await textsOf(first), await textsOf(second)]).toEqual([['a0'], ['a1']]);
    expect(asked).toHaveLength(2);
  });

  it('keeps slots apart', async () => {
    const readings = ['x', 'y', 'x'].map((slot, n) => textsOf(batches.read(slot, [`${slot}${n}`])));
    expect(await Promise.all(readings)).toEqual([['x0'], ['y1'], ['x2']]);
    expect(asked).toEqual([['x0', 'x2'], ['y1']]);
  });

  it('makes no command of more than 1,000 keys out of several readers', async () => {
    const of = (name: string, count: number) => Array.from({ length: count }, (_, n) => `${name}${n}`);
    const wanted = [of('a', 600), of('b', 400), of('c', 1), of('d', 1_500), of('e', 2)];
    expect(await Promise.all(wanted.map((keys) => textsOf(batches.read('', keys))))).toEqual(wanted);
    expect(asked.map((keys) => keys.length).sort((x, y) => x - y)).toEqual([1, 2, 1_000, 1_500]);
  });

  it('fails for all its readers, and only for them', async () => {
    answer = () => Promise.reject(new Error('away'));
    const readings = [batches.read('', ['a']), batches.read('', ['b'])];
    expect(await Promise.allSettled(readings)).toMatchObject([{ status: 'rejected' }, { status: 'rejected' }]);
    answer = (keys) => Promise.resolve(keys.map(() => null));
    expect(await batches.read('', ['c'])).toEqual([null]);
  });
});
