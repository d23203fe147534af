import { CpnsError } from '@cpns/core';
import { FakeClock } from '@cpns/core/testing';
import { ANSWER_MS, OUTCOMES_MAX, PullGate, PULLS_MAX, REFUSAL_MS } from './groups-in-use';

const refusal = new CpnsError('VERSION_NOT_GIVEN', 'no');

describe('the gate of pulls', () => {
  let clock: FakeClock;
  let gate: PullGate;
  let pulls: number;
  let answer: () => Promise<void>;
  const pull = () => {
    pulls += 1;
    return answer();
  };
  beforeEach(() => {
    clock = new FakeClock();
    gate = new PullGate(clock);
    pulls = 0;
    answer = () => Promise.resolve();
  });

  it('lets one of the same through at a time, and gives all its outcome', async () => {
    answer = () => new Promise((_resolve, reject) => setImmediate(() => reject(refusal)));
    const all = await Promise.allSettled([gate.pass('a', pull), gate.pass('a', pull), gate.pass('b', pull)]);
    expect(all.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(pulls).toBe(2);
  });

  it.each([
    ['a refusal', () => Promise.reject(refusal), REFUSAL_MS],
    ['an answer', () => Promise.resolve(), ANSWER_MS],
  ])('remembers %s for its time', async (_what, outcome, time) => {
    answer = outcome;
    const first = await gate.pass('a', pull).catch((error: unknown) => error);
    clock.advance(time - 1);
    await expect(gate.pass('a', pull).catch((error: unknown) => error)).resolves.toBe(first);
    expect(pulls).toBe(1);
    clock.advance(1);
    await gate.pass('a', pull).catch(() => undefined);
    expect(pulls).toBe(2);
  });

  it('remembers no fault of ours', async () => {
    answer = () => Promise.reject(new TypeError('a fault'));
    for (let n = 1; n <= 2; n++) {
      await expect(gate.pass('a', pull)).rejects.toThrow(TypeError);
      expect(pulls).toBe(n);
    }
  });

  it('forgets when something happened', async () => {
    answer = () => Promise.reject(refusal);
    for (const key of ['a', 'b', 'c']) await expect(gate.pass(key, pull)).rejects.toBe(refusal);
    gate.reset('a', 'b');
    for (const key of ['a', 'b', 'c']) await expect(gate.pass(key, pull)).rejects.toBe(refusal);
    expect(pulls).toBe(5);
    gate.resetAll();
    await expect(gate.pass('c', pull)).rejects.toBe(refusal);
    expect(pulls).toBe(6);
  });

  it('lets so many through in a period, and more in the next', async () => {
    for (let n = 0; n < PULLS_MAX; n++) await gate.pass(`key ${n}`, pull);
    await expect(gate.pass('one more', pull)).rejects.toMatchObject({ reason: 'LIMIT_REACHED' });
    expect(pulls).toBe(PULLS_MAX);
    clock.advance(REFUSAL_MS);
    await gate.pass('one more', pull);
    expect(pulls).toBe(PULLS_MAX + 1);
  });

  it('has bounded memory', async () => {
    answer = () => Promise.reject(refusal);
    for (let n = 0; n < 1_000; n++) {
      await gate.pass(`key ${n}`, pull).catch(() => undefined);
      if (n % 100 === 99) clock.advance(REFUSAL_MS);
    }
    expect(pulls).toBe(1_000);
    expect(gate.remembered).toBe(OUTCOMES_MAX);
  });
});
