import type { CollectedSpan } from '@cpns/testing';
import { FlowBook } from '../flow-book';
import { SERVICES } from '../plan';
import type { DueRun } from '../due-run';
import { PIDS } from './spans';

export const OWN_PID = 999;
export const entity = 'cpns://pn1.demo.example/pne/phone';
export const gateway = 'cpns://pn1.demo.example/pn-gw/gw';
export const run: DueRun = { flow: 'EUK-SRV-S', steps: [1, 2, 3, 4, 5], kind: 'PNE', entity, id: 'phone', gateway };
export const provisioning: DueRun = {
  ...run,
  flow: 'EUK-GW-S',
  steps: [1, 2, 3],
  kind: 'PN GW',
  entity: gateway,
  id: 'gw',
};

const pids: Readonly<Record<string, number>> = {
  [entity]: PIDS.entity,
  [gateway]: PIDS.gateway,
  [SERVICES.server]: PIDS.server,
  [SERVICES.smf]: PIDS.smf,
  [SERVICES.kmc]: PIDS.kmc,
  [SERVICES.operator]: PIDS.operator,
};
export const reportedBy = (identity: string, { pid }: CollectedSpan): boolean => pids[identity] === pid;
export const newBook = (due: readonly DueRun[], isAlone = true) =>
  new FlowBook(due, { services: SERVICES, isOwn: ({ pid }) => pid === OWN_PID, isAlone });

export function book(due: readonly DueRun[], spans: readonly CollectedSpan[]) {
  const made = newBook(due);
  const released = spans.map((one) => made.enter(one).map(({ step }) => step));
  made.close(reportedBy);
  return { made, released, faults: made.faults };
}
