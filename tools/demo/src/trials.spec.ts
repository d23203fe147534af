import type { DeviceSession } from '@cpns/testing';
import { isAsDue, openResult, refusalOf } from './trials';

/** A device that answers every command alike. */
const device = (answer: object): Pick<DeviceSession, 'command'> => ({
  command: <R>() => Promise.resolve(answer as R),
});
const refusal = { ok: false, reason: 'VERSION_NOT_GIVEN', message: 'not given' };

describe('what came of a try', () => {
  it.each([
    ['the bytes that were sealed', { ok: true, data: 'AAAA' }, 'opened'],
    ['other bytes', { ok: true, data: 'AAAB' }, 'other data'],
    ['nothing, with a reason', refusal, 'VERSION_NOT_GIVEN'],
  ])('is, for a message that gives %s, told by its answer', async (_, answer, expected) => {
    expect(await openResult(device(answer), 'message', 'AAAA')).toBe(expected);
  });

  it('is the reason of a refusal, and never taken for one when it was accepted', async () => {
    const pull = { command: 'pull', group: 'g' } as const;
    expect(await refusalOf(device(refusal), pull)).toBe('VERSION_NOT_GIVEN');
    expect(await refusalOf(device({ ok: true }), pull)).toBe('accepted');
  });

  it('is as due only where it is one of what is due', () => {
    const trial = { group: 'g', who: 'd', does: 'x', due: ['A', 'B'] };
    expect(['A', 'B', 'accepted'].map((got) => isAsDue({ ...trial, got }))).toEqual([true, true, false]);
  });
});
