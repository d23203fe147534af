/** What followed, or would follow, from the end of a right. */
import type { EndedItems, EndReport } from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import { type Column, fieldTable, listTable } from './output';

export interface ItemsAnswer {
  readonly count: number;
  /** The first 100. */
  readonly names: readonly string[];
}

export interface EndReportAnswer {
  readonly complete: boolean;
  readonly entities: ItemsAnswer;
  readonly admissions: ItemsAnswer;
  readonly firstSeeds: ItemsAnswer;
  readonly gatewayCas: ItemsAnswer;
  readonly groups: ItemsAnswer;
  readonly gatewaysWaiting: ItemsAnswer;
}

const items = (some: EndedItems | undefined): ItemsAnswer => ({ count: some?.count ?? 0, names: some?.names ?? [] });

/** @throws CpnsError INTERNAL for an answer that lacks the report */
export function describeReport(report: EndReport | undefined): EndReportAnswer {
  if (report === undefined) throw new CpnsError('INTERNAL', 'the Server answered without the report');
  return {
    complete: report.complete,
    entities: items(report.entities),
    admissions: items(report.admissions),
    firstSeeds: items(report.firstSeeds),
    gatewayCas: items(report.cas),
    groups: items(report.groups),
    gatewaysWaiting: items(report.gatewaysWaiting),
  };
}

const ROWS = [
  ['entities', 'entities'],
  ['admissions', 'admissions'],
  ['firstSeeds', '1st seeds'],
  ['gatewayCas', 'CA certificates, SHA-256'],
  ['groups', 'groups with a new version'],
  ['gatewaysWaiting', 'gateways that have not acknowledged'],
] as const satisfies readonly (readonly [Exclude<keyof EndReportAnswer, 'complete'>, string])[];

type Row = readonly [heading: string, items: ItemsAnswer];

const columns: readonly Column<Row>[] = [
  { heading: 'what', cell: ([heading]) => heading },
  { heading: 'count', cell: ([, { count }]) => String(count) },
  {
    heading: 'which',
    cell: ([, { count, names }]) =>
      [...names, ...(count > names.length ? [`and ${count - names.length} more`] : [])].join('\n') || '-',
  },
];

const stateOf = (complete: boolean, dryRun: boolean): string => {
  if (dryRun) return 'nothing was changed';
  return complete ? 'all groups have their new versions' : 'goes on: the same command says later how it is then';
};

/** @param dryRun whether it says what would follow, and nothing was done */
export const reportTable = (report: EndReportAnswer, dryRun: boolean): string =>
  [
    fieldTable([[dryRun ? 'dry run' : 'done', stateOf(report.complete, dryRun)]]),
    listTable(
      ROWS.map(([key, heading]): Row => [heading, report[key]]),
      columns,
    ),
  ].join('\n');
