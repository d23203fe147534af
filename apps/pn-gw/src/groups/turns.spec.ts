import { Turns } from './turns';

describe('turns', () => {
  it('lets one work at a time for a key, in order, whatever becomes of the one before', async () => {
    const turns = new Turns();
    const seen: string[] = [];
    const work =
      (name: string, fails = false) =>
      async () => {
        seen.push(`${name} begins`);
        await new Promise((resolve) => setTimeout(resolve, 1));
        seen.push(`${name} ends`);
        if (fails) throw new Error(name);
        return name;
      };
    const results = await Promise.allSettled([
      turns.run('a', work('first', true)),
      turns.run('a', work('second')),
      turns.run('a', work('third')),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
    expect(seen).toEqual(['first', 'second', 'third'].flatMap((name) => [`${name} begins`, `${name} ends`]));
  });

  it('does not let one key wait for another', async () => {
    const turns = new Turns();
    let release: (() => void) | undefined;
    const blocked = turns.run('a', () => new Promise<void>((resolve) => (release = resolve)));
    await expect(turns.run('b', () => Promise.resolve('done'))).resolves.toBe('done');
    release?.();
    await blocked;
  });
});
