/** What a suite measured, for who reads its output. */

/** Prints rows below their headings. */
export function printTable(title: string, headings: readonly string[], rows: readonly (readonly string[])[]): void {
  const all = [headings, ...rows];
  const widths = headings.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]) => `  ${row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ')}`;
  process.stdout.write(`${[title, ...all.map(line)].map((one) => one.trimEnd()).join('\n')}\n`);
}
