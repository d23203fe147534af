import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CODES, REASONS, type Reason } from '.';

interface Row {
  readonly reason: string;
  readonly code: string;
  readonly meaning: string;
  readonly retry: boolean;
  readonly caller: string;
}

/** Rows of the tables in docs/errors.md whose first cell is a reason in code type. */
const documentedRows = (): Row[] =>
  readFileSync(join(__dirname, '../../../docs/errors.md'), 'utf8')
    .split('\n')
    .map((line) => /^\| `([A-Z_]+)` \| `([A-Z_]+)` \| (.+?) \| (yes|no) \| (.+?) \|$/.exec(line))
    .filter((match) => match !== null)
    .map(([, reason = '', code = '', meaning = '', again, caller = '']) => ({
      reason,
      code,
      meaning,
      retry: again === 'yes',
      caller,
    }));

describe('docs/errors.md and the list of reasons', () => {
  const rows = documentedRows();
  const reasons = Object.keys(REASONS) as Reason[];

  it.each(reasons)('%s is documented, once', (reason) => {
    expect(rows.filter((row) => row.reason === reason)).toHaveLength(1);
  });

  it.each(reasons)('%s is documented with its code, its meaning and whether it may be tried again', (reason) => {
    expect(rows.find((row) => row.reason === reason)).toMatchObject(REASONS[reason]);
  });

  it('documents no reason that is not in the list', () => {
    expect(rows.map(({ reason }) => reason).filter((reason) => !Object.hasOwn(REASONS, reason))).toEqual([]);
  });

  it('tells the caller of each what to do', () => {
    expect(rows.filter(({ caller }) => caller.trim().length < 10)).toEqual([]);
  });
});

describe('the list of reasons', () => {
  it('uses every code, and only codes of the list', () => {
    expect(new Set(Object.values(REASONS).map(({ code }) => code))).toEqual(new Set(CODES));
  });
});
