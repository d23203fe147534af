import { judgePosition, isDoubtful, SNAPSHOT_MAX_AGE, type LogHead, type Present } from './judge-position';
import type { Opening } from './channel';

const id = (n: number) => Buffer.alloc(16, n);
const NONE = Buffer.alloc(0);

/** A log of which the first two of five entries were acknowledged. */
const LOG = { last: 5n, trimmedTo: 2n };
const HEAD: LogHead = { life: '2', snapshotAt: 1_000, incarnation: 'a', overflowed: false };
const PRESENT: Present = { life: '2', time: 2_000, incarnation: 'a' };

interface Case {
  readonly position?: [sequence: bigint, id: Buffer];
  /** Of the entry that the log has there. */
  readonly there?: Buffer;
  readonly log?: { last: bigint; trimmedTo: bigint };
  readonly head?: Partial<LogHead> | 'none';
  readonly present?: Partial<Present>;
  readonly asks?: boolean;
}

describe('where a receiver goes on', () => {
  it.each<[string, Case, string]>([
    ['where it is', {}, 'goes on'],
    ['at the last entry trimmed', { position: [2n, id(2)], there: id(2) }, 'goes on'],
    ['at the end', { position: [5n, id(5)], there: id(5) }, 'goes on'],
    ['with a snapshot, since it has none of this log', { head: 'none' }, 'first opening'],
    ['with a snapshot, since its log was of an earlier life', { head: { life: '1' } }, 'first opening'],
    ['so whatever its position is', { head: { life: '1' }, position: [9n, id(9)], there: NONE }, 'first opening'],
    [
      'with one in an empty log',
      { position: [0n, NONE], there: NONE, log: { last: 0n, trimmedTo: 0n } },
      'first opening',
    ],
    [
      'with one before the first entry',
      { position: [0n, NONE], there: NONE, log: { last: 5n, trimmedTo: 0n } },
      'first opening',
    ],
    ['in doubt, since it lost what it had', { position: [0n, NONE], there: NONE }, 'position, in doubt'],
    ['in doubt before what it acknowledged', { position: [1n, id(1)], there: NONE }, 'position, in doubt'],
    ['in doubt beyond the end', { position: [6n, id(6)], there: NONE }, 'position, in doubt'],
    ['in doubt where another entry is', { there: id(9) }, 'position, in doubt'],
    ['in doubt when it asks', { asks: true }, 'asked, in doubt'],
    ['with one, since more waited than may', { head: { overflowed: true }, there: NONE }, 'overflow'],
    [
      'in doubt beyond such an end',
      { head: { overflowed: true }, position: [6n, id(6)], there: NONE },
      'position, in doubt',
    ],
    ['with one on another store', { present: { incarnation: 'b' } }, 'incarnation'],
    ['with one a day later', { head: { snapshotAt: 1_500 }, present: { time: 1_500 + SNAPSHOT_MAX_AGE } }, 'age'],
    [
      'without one just before',
      { head: { snapshotAt: 1_500 }, present: { time: 1_499 + SNAPSHOT_MAX_AGE } },
      'goes on',
    ],
    ['with one up to a tenth sooner', { present: { time: 1_000 + 0.9 * SNAPSHOT_MAX_AGE } }, 'age'],
    [
      'or a tenth later',
      { head: { snapshotAt: 1_999 }, present: { time: 1_999 + 1.09 * SNAPSHOT_MAX_AGE } },
      'goes on',
    ],
  ])('%s', (_, { position = [3n, id(3)], there = id(3), log = LOG, head = {}, present, asks = false }, expected) => {
    const [sequence, entryId] = position;
    const opening: Opening = { position: { sequence, entryId }, processId: id(7), resynchronise: asks };
    const known = head === 'none' ? undefined : { ...HEAD, ...head };
    const cause = judgePosition(opening, { ...log, afterId: there }, known, { ...PRESENT, ...present });
    expect(cause === undefined ? 'goes on' : `${cause}${isDoubtful(cause) ? ', in doubt' : ''}`).toBe(expected);
  });
});
