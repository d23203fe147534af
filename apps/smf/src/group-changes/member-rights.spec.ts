import type { RightEvent } from '@cpns/group-key';
import { ANN } from '../testing/world';
import { judgeRight, type RightRecord, withNews } from './member-rights';

const said = (event: RightEvent, life: bigint, revision: bigint, endedLife = 0n): RightRecord => ({
  entity: ANN,
  endedLife,
  event,
  life,
  revision,
});
const ENDED = said('end', 1n, 5n, 1n);
const SUSPENDED = said('suspend', 1n, 5n);
const SUSPENDED_AGAIN = said('suspend', 2n, 8n, 1n);

describe('what is said of a right', () => {
  it.each<[string, RightRecord | undefined, RightEvent, bigint, bigint, string, RightRecord | undefined]>([
    ['nothing, then a suspension', undefined, 'suspend', 1n, 5n, 'news', SUSPENDED],
    ['nothing, then an end', undefined, 'end', 1n, 5n, 'news', ENDED],
    ['a suspension, then the same', SUSPENDED, 'suspend', 1n, 5n, 'known', undefined],
    ['a suspension, then its end', SUSPENDED, 'resume', 1n, 6n, 'news', said('resume', 1n, 6n)],
    ['a suspension, then the end of one before', SUSPENDED, 'resume', 1n, 4n, 'overtaken', undefined],
    ['a suspension, then something else of that revision', SUSPENDED, 'resume', 1n, 5n, 'overtaken', undefined],
    [
      'the end of a suspension, then that suspension',
      said('resume', 1n, 6n),
      'suspend',
      1n,
      5n,
      'overtaken',
      undefined,
    ],
    ['a suspension, then an end', SUSPENDED, 'end', 1n, 6n, 'news', said('end', 1n, 6n, 1n)],
    ['a suspension, then an end of an older revision', SUSPENDED, 'end', 1n, 4n, 'news', said('end', 1n, 4n, 1n)],
    ['an end, then the same', ENDED, 'end', 1n, 5n, 'known', undefined],
    ['an end, then that of a life before', said('end', 2n, 5n, 2n), 'end', 1n, 3n, 'known', undefined],
    ['an end, then a suspension in that life', ENDED, 'suspend', 1n, 9n, 'overtaken', undefined],
    ['an end, then a suspension in the next life', ENDED, 'suspend', 2n, 8n, 'news', SUSPENDED_AGAIN],
    ['an end, then the end of the next life', ENDED, 'end', 2n, 6n, 'news', said('end', 2n, 6n, 2n)],
    [
      'a suspension, then late the end of a life before',
      said('suspend', 2n, 8n),
      'end',
      1n,
      5n,
      'news',
      SUSPENDED_AGAIN,
    ],
  ])('%s', (_what, known, event, life, revision, expected, after) => {
    const one = { entity: ANN, life, revision };
    expect(judgeRight(known, one, event)).toBe(expected);
    if (after !== undefined) expect(withNews(known, one, event)).toEqual(after);
  });
});
