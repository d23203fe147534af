import { setTimeout as sleep } from 'node:timers/promises';
import { concurrently } from './concurrently';

describe('concurrently', () => {
  it('runs no more than so many at a time, and keeps the order', async () => {
    let running = 0;
    let most = 0;
    const results = await concurrently([5, 1, 4, 2, 3], 2, async (n) => {
      most = Math.max(most, ++running);
      await sleep(n);
      running -= 1;
      return n * 10;
    });
    expect(results).toEqual([50, 10, 40, 20, 30]);
    expect(most).toBe(2);
  });

  it('throws what a task threw, once the others have ended', async () => {
    const ended: number[] = [];
    const failing = concurrently([1, 2, 3], 2, async (n) => {
      if (n === 1) throw new Error('no device');
      await sleep(5);
      ended.push(n);
    });
    await expect(failing).rejects.toThrow('no device');
    expect(ended).toEqual([2, 3]);
  });

  it('has nothing to do for nothing', async () => {
    expect(await concurrently([], 3, () => Promise.reject(new Error('never')))).toEqual([]);
  });
});
