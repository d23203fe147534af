import { NONCE_BYTES, systemRandom } from '.';
import { SeededRandom } from './testing';

describe('random', () => {
  it.each([0, 1, NONCE_BYTES, 32, 65])('gives %i bytes', (size) => {
    expect(systemRandom.bytes(size)).toHaveLength(size);
    expect(new SeededRandom('a').bytes(size)).toHaveLength(size);
  });

  it('never repeats a nonce', () => {
    const nonces = Array.from({ length: 1_000 }, () => systemRandom.bytes(NONCE_BYTES).toString('hex'));
    expect(new Set(nonces).size).toBe(nonces.length);
  });

  it('is the same in every run where a vector needs it, and different for each seed and call', () => {
    const [a, again, b] = [new SeededRandom('a'), new SeededRandom('a'), new SeededRandom('b')];
    const first = a.bytes(32);
    expect(again.bytes(32).equals(first)).toBe(true);
    expect(a.bytes(32).equals(first)).toBe(false);
    expect(b.bytes(32).equals(first)).toBe(false);
  });
});
