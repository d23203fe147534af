import { stepOfSpan } from '@cpns/testing';
import { outcomeTable, rangeOf, stepLine, trialLine, trialTable } from './format';
import type { DueRun } from './due-run';
import { stepSpan } from './testing/spans';

const run: DueRun = {
  flow: 'EUK-GW-VERIFY',
  steps: [1, 2, 3, 4, 5],
  kind: 'target PN GW',
  entity: 'cpns://pn1.demo.example/pn-gw/car',
  id: 'car',
  gateway: 'cpns://pn1.demo.example/pn-gw/gw1',
};

const cellsOf = (table: string): string[][] =>
  table.split('\n').map((line) =>
    line
      .split('│')
      .map((cell) => cell.trim())
      .filter((cell) => cell !== ''),
  );

describe('stepLine', () => {
  it('has flow, step, from, to, names of fields, duration and process on one line', () => {
    const step = stepOfSpan(stepSpan(run, 1, { startedAt: 10, endedAt: 13.25, pid: 42 }))!;
    expect(stepLine(step)).toBe(
      'EUK-GW-VERIFY  step 1   cpns://pn1.demo.example/pn-gw/car -> cpns://pn1.demo.example/pn-gw/gw1  [nonce]  3.3 ms  pid 42',
    );
  });
});

describe('outcomeTable', () => {
  it('has a line per run with what was seen of what is due', () => {
    const table = outcomeTable([{ run, seen: [1, 2, 4, 5], traceId: undefined }], {
      id: 'sensor',
      due: ['a', 'b'],
      seen: ['b'],
    });
    const cells = cellsOf(table);
    expect(cells).toContainEqual(['EUK-GW-VERIFY', '1-5', 'target PN GW', 'car', 'start', '4 of 5', '3']);
    expect(cells).toContainEqual(['Q2 pre-shared key', 'calls', 'PNE', 'sensor', 'start', '1 of 2', 'a']);
  });
});

describe('rangeOf', () => {
  it.each([
    [[1], '1'],
    [[1, 2, 3], '1-3'],
    [[1, 2, 5], '1-2, 5'],
    [[7, 9, 11], '7, 9, 11'],
    [[], ''],
  ])('writes %j as %s', (steps, text) => {
    expect(rangeOf(steps)).toBe(text);
  });
});

describe('tries', () => {
  const good = { group: 'family', who: 'watch', does: 'opens a message', due: ['opened'], got: 'opened' };
  const bad = { ...good, due: ['NOT_A_MEMBER', 'VERSION_NOT_GIVEN'] };

  it('are lines that say when it is not what was due', () => {
    expect(trialLine(good)).toBe('family  watch opens a message: opened');
    expect(trialLine(bad)).toBe('family  watch opens a message: opened, and not NOT_A_MEMBER or VERSION_NOT_GIVEN');
  });

  it('are a table, a row each', () => {
    const cells = cellsOf(trialTable([good, bad]));
    expect(cells).toContainEqual(['family', 'watch', 'opens a message', 'opened', 'as due']);
    expect(cells).toContainEqual([
      'family',
      'watch',
      'opens a message',
      'opened',
      'due: NOT_A_MEMBER or VERSION_NOT_GIVEN',
    ]);
  });
});
