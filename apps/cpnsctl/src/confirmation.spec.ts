import { confirm } from './confirmation';
import { UsageError } from './exit-codes';
import { RecordingIo } from './testing/recording-io';

describe('confirm', () => {
  const show = jest.fn(() => Promise.resolve());
  beforeEach(() => show.mockClear());

  it('asks nothing with --yes', async () => {
    const io = new RecordingIo(0, 'no');
    await confirm(io, { yes: true }, 'Revoke it', show);
    expect([io.asked, show.mock.calls.length]).toEqual([[], 0]);
  });

  it('shows what would follow, and goes on after a yes', async () => {
    const io = new RecordingIo(0, ' yes ');
    await confirm(io, { yes: false }, 'Revoke it', show);
    expect([io.asked, show.mock.calls.length]).toEqual([['Revoke it? Type yes to go on: '], 1]);
  });

  it.each([
    ['an answer that is no yes', 'y', /nothing was changed/, 1],
    ['no answer', '', /nothing was changed/, 1],
    ['no terminal', undefined, /give --yes/, 0],
  ])('refuses with %s', async (_, answer, message, shown) => {
    const call = confirm(new RecordingIo(0, answer), { yes: false }, 'Revoke it', show);
    await expect(call).rejects.toThrow(UsageError);
    await expect(call).rejects.toThrow(message);
    expect(show).toHaveBeenCalledTimes(shown);
  });
});
