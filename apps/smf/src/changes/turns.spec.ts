import { Turns } from './turns';

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('turns', () => {
  it('come in order, and one that gave up holds up nobody', async () => {
    const turns = new Turns();
    const seen: string[] = [];
    const take = (name: string) => {
      const { turn, done } = turns.take('g');
      void turn.then(() => seen.push(name));
      return done;
    };
    const [first, second, third] = [take('first'), take('second'), take('third')];
    await settled();
    expect(seen).toEqual(['first']);
    second();
    await settled();
    expect(seen).toEqual(['first']);
    first();
    await settled();
    expect(seen).toEqual(['first', 'second', 'third']);
    third();
    await settled();
    take('fourth');
    await settled();
    expect(seen).toEqual(['first', 'second', 'third', 'fourth']);
  });

  it('are of one thing each', async () => {
    const turns = new Turns();
    turns.take('a');
    const { turn } = turns.take('b');
    await expect(turn).resolves.toBeUndefined();
  });
});
