import type { EndReport } from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import { describeReport, reportTable } from './end-report';

const report: EndReport = {
  complete: false,
  entities: { count: 1, names: ['cpns://pn1.td/pne/a'] },
  admissions: { count: 0, names: [] },
  firstSeeds: undefined,
  cas: { count: 1, names: ['ab'.repeat(32)] },
  groups: { count: 102, names: ['alarm', 'family'] },
  gatewaysWaiting: { count: 1, names: ['cpns://pn2.td/pn-gw/g'] },
};

describe('the report of an end', () => {
  it('is told in plain words, where something is missing as nothing', () => {
    expect(JSON.parse(JSON.stringify(describeReport(report)))).toEqual({
      complete: false,
      entities: { count: 1, names: ['cpns://pn1.td/pne/a'] },
      admissions: { count: 0, names: [] },
      firstSeeds: { count: 0, names: [] },
      gatewayCas: { count: 1, names: ['ab'.repeat(32)] },
      groups: { count: 102, names: ['alarm', 'family'] },
      gatewaysWaiting: { count: 1, names: ['cpns://pn2.td/pn-gw/g'] },
    });
    expect(() => describeReport(undefined)).toThrow(CpnsError);
  });

  it('is a table with a line for each kind, which says how many are not named', () => {
    const table = reportTable(describeReport(report), false);
    expect(table).toMatch(/done +│ goes on/);
    expect(table).toMatch(/admissions +│ 0 +│ - /);
    expect(table).toMatch(/groups with a new version +│ 102 +│ alarm[^]*family[^]*and 100 more/);
    expect(table).toMatch(/not acknowledged +│ 1 +│ cpns:\/\/pn2\.td\/pn-gw\/g/);
  });

  it.each([
    [true, false, 'all groups have their new versions'],
    [false, false, 'goes on'],
    [false, true, 'nothing was changed'],
  ])('complete %s, as a dry run %s, says %s', (complete, dryRun, text) => {
    expect(reportTable(describeReport({ ...report, complete }), dryRun)).toContain(text);
  });
});
