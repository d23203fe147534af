import type { CollectedStep } from '@cpns/testbed';
import Table from 'cli-table3';
import type { RunOutcome } from './flow-book';
import type { ImportOutcome } from './imported-key';

const FLOW_WIDTH = 'EUK-GW-VERIFY'.length;

const durationOf = ({ startedAt, endedAt }: { startedAt: number; endedAt: number }): string =>
  `${Math.max(0, endedAt - startedAt).toFixed(1)} ms`;

/** One line: flow, step, from, to, names of what was carried, duration, process id. */
export const stepLine = ({ flow, step, from, to, carried, span }: CollectedStep): string =>
  `${flow.padEnd(FLOW_WIDTH)}  step ${step}  ${from} -> ${to}  [${carried.join(' ')}]  ${durationOf(span)}  pid ${span.pid}`;

/** `1-5`, for steps that follow one another. */
function rangeOf(steps: readonly number[]): string {
  const [first, last] = [steps[0], steps.at(-1)];
  return first === last ? String(first) : `${first}-${last}`;
}

const missingOf = ({ run, seen }: RunOutcome): string => run.steps.filter((step) => !seen.includes(step)).join(', ');

/** No line between rows. */
const COMPACT = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' };

/** The table at the end: flow, entity kind, steps seen of steps due. */
export function outcomeTable(outcomes: readonly RunOutcome[], imported: ImportOutcome): string {
  const head = ['flow', 'steps', 'entity kind', 'entity', 'seen of due', 'missing'];
  const table = new Table({ head, style: { head: [], border: [] }, chars: COMPACT });
  for (const outcome of outcomes) {
    const { run, seen } = outcome;
    const count = `${seen.length} of ${run.steps.length}`;
    table.push([run.flow, rangeOf(run.steps), run.kind, run.id, count, missingOf(outcome)]);
  }
  const calls = `${imported.seen.length} of ${imported.due.length}`;
  const missing = imported.due.filter((call) => !imported.seen.includes(call)).join(', ');
  table.push(['Q2 pre-shared key', 'calls', 'PNE', imported.id, calls, missing]);
  return table.toString();
}
