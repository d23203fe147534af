import { KeyedMutex } from './keyed-mutex';

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('KeyedMutex', () => {
  it('lets one work at a time for a key, in order, also after one that failed', async () => {
    const mutex = new KeyedMutex();
    const seen: string[] = [];
    const work =
      (name: string, fails = false) =>
      async () => {
        seen.push(`${name} begins`);
        await settled();
        seen.push(`${name} ends`);
        if (fails) throw new Error(name);
        return name;
      };
    const results = await Promise.allSettled([
      mutex.run('a', work('first', true)),
      mutex.run('a', work('second')),
      mutex.run('a', work('third')),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
    expect(seen).toEqual(['first', 'second', 'third'].flatMap((name) => [`${name} begins`, `${name} ends`]));
  });

  it('does not let one key wait for another', async () => {
    const mutex = new KeyedMutex();
    mutex.acquire('a');
    await expect(mutex.run('b', () => Promise.resolve('done'))).resolves.toBe('done');
  });

  it('passes over one that gave up waiting, and keeps the order of the others', async () => {
    const mutex = new KeyedMutex();
    const seen: string[] = [];
    const acquire = (name: string) => {
      const { acquired, release } = mutex.acquire('a');
      void acquired.then(() => seen.push(name));
      return release;
    };
    const [first, second, third] = [acquire('first'), acquire('second'), acquire('third')];
    second();
    await settled();
    expect(seen).toEqual(['first']);
    first();
    await settled();
    expect(seen).toEqual(['first', 'second', 'third']);
    third();
    await settled();
    acquire('fourth');
    await settled();
    expect(seen).toEqual(['first', 'second', 'third', 'fourth']);
  });
});
