import { CpnsError } from '@cpns/core';
import { FakeClock } from '@cpns/core/testing';
import { withPatience } from './channel';

const away = () => new CpnsError('DEPENDENCY_UNAVAILABLE', 'away');

describe('patience', () => {
  const clock = new FakeClock();
  const pauses: number[] = [];
  const pause = (milliseconds: number) => {
    pauses.push(milliseconds);
    clock.advance(milliseconds);
    return Promise.resolve();
  };
  beforeEach(() => pauses.splice(0));

  it('makes one attempt where nobody wants to wait', async () => {
    const attempt = jest.fn(() => Promise.reject(away()));
    await expect(withPatience({ waitMs: 0, clock, pause }, attempt)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(attempt).toHaveBeenCalledTimes(1);
  });

  it('goes on until there is an answer', async () => {
    let left = 3;
    const attempt = () => (left-- > 0 ? Promise.reject(away()) : Promise.resolve('here'));
    await expect(withPatience({ waitMs: 10_000, clock, pause }, attempt)).resolves.toBe('here');
    expect(pauses).toEqual([100, 200, 400]);
  });

  it('waits longer each time up to two seconds, ends with the wait, and says what the last attempt said', async () => {
    const began = clock.now();
    const seen: number[] = [];
    const onRetry = (_error: CpnsError, pauseMs: number) => seen.push(pauseMs);
    const attempt = () => Promise.reject(new CpnsError('SHUTTING_DOWN', `at ${clock.now() - began}`));
    await expect(withPatience({ waitMs: 8_000, clock, pause, onRetry }, attempt)).rejects.toThrow('at 8000');
    expect(pauses).toEqual([100, 200, 400, 800, 1600, 2000, 2000, 900]);
    expect(seen).toEqual(pauses);
  });

  it.each([
    ['a refusal', new CpnsError('TOKEN_SPENT', 'spent')],
    ['another peer', new CpnsError('PEER_UNEXPECTED', 'another')],
    ['a fault of ours', new TypeError('a fault')],
  ])('takes %s for an answer', async (_what, error) => {
    const attempt = jest.fn(() => Promise.reject(error));
    await expect(withPatience({ waitMs: 10_000, clock, pause }, attempt)).rejects.toBe(error);
    expect(attempt).toHaveBeenCalledTimes(1);
  });

  it('pauses for real where no test says otherwise', async () => {
    let left = 1;
    const attempt = () => (left-- > 0 ? Promise.reject(away()) : Promise.resolve(1));
    await expect(withPatience({ waitMs: 5, clock: { now: Date.now } }, attempt)).resolves.toBe(1);
  });
});
