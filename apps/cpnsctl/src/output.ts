/** Answers as tables for people, or as JSON for programs. */
import Table from 'cli-table3';
import { Option, type Command } from 'commander';
import type { Io } from './io';

export const OUTPUTS = ['table', 'json'] as const;
export type OutputFormat = (typeof OUTPUTS)[number];

/** Adds `--output`. */
export const withOutput = (command: Command): Command =>
  command.addOption(new Option('--output <format>', 'how the answer is written').choices(OUTPUTS).default('table'));

/** A column of a table: its heading, and what stands in it. */
export interface Column<Row> {
  readonly heading: string;
  readonly cell: (row: Row) => string;
}

const plain = { head: [], border: [] };
/** No line between rows. */
const compact = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' };

/** What is sent back by others goes to a terminal: nothing in it may control that. */
const printable = (text: string): string => text.replace(/[^\x20-\x7e\u00a0-\uffff\n]/g, '?');

/** One row per item. */
export function listTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  if (rows.length === 0) return 'none';
  const head = columns.map(({ heading }) => heading);
  const table = new Table({ head, style: plain, chars: compact });
  table.push(...rows.map((row) => columns.map(({ cell }) => printable(cell(row)))));
  return table.toString();
}

/** One line per field of one item. */
export function fieldTable(fields: readonly (readonly [name: string, value: string])[]): string {
  const table = new Table({ style: plain, chars: compact });
  table.push(...fields.map(([name, value]) => ({ [name]: printable(value) })));
  return table.toString();
}

/** Writes an answer; the table is made only when it is wanted. */
export function writeAnswer(io: Io, format: OutputFormat, answer: unknown, table: () => string): void {
  io.out(format === 'json' ? `${JSON.stringify(answer, null, 2)}\n` : `${table()}\n`);
}
