import { stepOfSpan } from '@cpns/testbed';
import { outcomeTable, stepLine } from './format';
import type { DueRun } from './plan';
import { stepSpan } from './testing/spans';

const run: DueRun = {
  flow: 'EUK-GW-VERIFY',
  steps: [1, 2, 3, 4, 5],
  kind: 'target PN GW',
  entity: 'cpns://pn1.demo.example/pn-gw/car',
  id: 'car',
  gateway: 'cpns://pn1.demo.example/pn-gw/gw1',
};

describe('stepLine', () => {
  it('has flow, step, from, to, names of fields, duration and process on one line', () => {
    const step = stepOfSpan(stepSpan(run, 1, { startedAt: 10, endedAt: 13.25, pid: 42 }))!;
    expect(stepLine(step)).toBe(
      'EUK-GW-VERIFY  step 1  cpns://pn1.demo.example/pn-gw/car -> cpns://pn1.demo.example/pn-gw/gw1  [nonce]  3.3 ms  pid 42',
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
    const cells = table.split('\n').map((line) =>
      line
        .split('│')
        .map((cell) => cell.trim())
        .filter((cell) => cell !== ''),
    );
    expect(cells).toContainEqual(['EUK-GW-VERIFY', '1-5', 'target PN GW', 'car', '4 of 5', '3']);
    expect(cells).toContainEqual(['Q2 pre-shared key', 'calls', 'PNE', 'sensor', '1 of 2', 'a']);
  });
});
