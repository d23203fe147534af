import type { CollectedStep } from '@cpns/testing';
import Table from 'cli-table3';
import type { RunOutcome } from './flow-book';
import type { ImportOutcome } from './imported-key';
import { isAsDue, type Trial } from './trials';

const FLOW_WIDTH = 'EUK-GW-VERIFY'.length;

const durationOf = ({ startedAt, endedAt }: { startedAt: number; endedAt: number }): string =>
  `${Math.max(0, endedAt - startedAt).toFixed(1)} ms`;

/** One line: flow, step, from, to, names of what was carried, duration, process id. */
export const stepLine = ({ flow, step, from, to, carried, span }: CollectedStep): string =>
  `${flow.padEnd(FLOW_WIDTH)}  step ${String(step).padEnd(2)}  ${from} -> ${to}  [${carried.join(' ')}]  ${durationOf(span)}  pid ${span.pid}`;

/** One line: what a device tried, and what came of it. */
export const trialLine = (trial: Trial): string =>
  `${trial.group}  ${trial.who} ${trial.does}: ${trial.got}${isAsDue(trial) ? '' : `, and not ${trial.due.join(' or ')}`}`;

/** `1-5`, or `1-2, 5`: steps that follow one another together. */
export function rangeOf(steps: readonly number[]): string {
  const ranges: [first: number, last: number][] = [];
  for (const step of steps) {
    const range = ranges.at(-1);
    if (range?.[1] === step - 1) range[1] = step;
    else ranges.push([step, step]);
  }
  return ranges.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(', ');
}

const missingOf = ({ run, seen }: RunOutcome): string => run.steps.filter((step) => !seen.includes(step)).join(', ');

/** No line between rows. */
const COMPACT = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' };

const newTable = (...head: readonly string[]) =>
  new Table({ head: [...head], style: { head: [], border: [] }, chars: COMPACT });

/** The table at the end: flow, entity kind, steps seen of steps due. */
export function outcomeTable(outcomes: readonly RunOutcome[], imported: ImportOutcome): string {
  const table = newTable('flow', 'steps', 'entity kind', 'entity', 'scene', 'seen of due', 'missing');
  for (const outcome of outcomes) {
    const { run, seen } = outcome;
    const count = `${seen.length} of ${run.steps.length}`;
    table.push([run.flow, rangeOf(run.steps), run.kind, run.id, run.scene ?? 'start', count, missingOf(outcome)]);
  }
  const calls = `${imported.seen.length} of ${imported.due.length}`;
  const missing = imported.due.filter((call) => !imported.seen.includes(call)).join(', ');
  table.push(['Q2 pre-shared key', 'calls', 'PNE', imported.id, 'start', calls, missing]);
  return table.toString();
}

/** What devices tried with keys and messages, and what was due. */
export function trialTable(trials: readonly Trial[]): string {
  const table = newTable('group', 'device', 'tries', 'outcome', '');
  for (const trial of trials)
    table.push([
      trial.group,
      trial.who,
      trial.does,
      trial.got,
      isAsDue(trial) ? 'as due' : `due: ${trial.due.join(' or ')}`,
    ]);
  return table.toString();
}
