import { expectationOf } from '@cpns/testing/bad-input';
import type { Outcome, Row } from './row';

const say = (text: string): boolean => process.stdout.write(`${text}\n`);

/** Printed as each row is through. */
export function sayRow({ row, refusal, compared }: Outcome): void {
  say(`  refused  ${row.id}, ${row.at}: ${refusal.code} ${refusal.reason} (${compared} records as before)`);
}

const column = (text: string, width: number): string => text.padEnd(width);

/** The table as a whole, and how many rows of how many. */
export function sayTable(due: readonly Row[], outcomes: readonly Outcome[]): void {
  const done = new Map(outcomes.map((outcome) => [outcome.row, outcome]));
  const lines = due.map((row) => {
    const found = done.get(row);
    const result = found === undefined ? 'FAILED' : `${found.refusal.code} ${found.refusal.reason}`;
    return [row.item, row.id, row.at, result] as const;
  });
  const widths = [0, 1, 2].map((index) => Math.max(...lines.map((line) => line[index]?.length ?? 0)));
  say('');
  say(['item', 'altered', 'at'].map((title, index) => column(title, widths[index] ?? 0)).join('  ') + '  answer');
  for (const line of lines)
    say([...line.slice(0, 3).map((text, index) => column(text, widths[index] ?? 0)), line[3]].join('  '));
  const count = (of: (row: Row) => string) => {
    const counts = new Map<string, number>();
    for (const { row } of outcomes) counts.set(of(row), (counts.get(of(row)) ?? 0) + 1);
    return [...counts].map(([name, number]) => `${name} ${number}`).join(', ');
  };
  say('');
  say(`by port: ${count((row) => row.at)}`);
  say(`by code: ${count((row) => expectationOf(row).replace(/\/.*$/, ''))}`);
  say(`${outcomes.length} of ${due.length} rows: unaltered message accepted, altered one refused, stores equal`);
}
