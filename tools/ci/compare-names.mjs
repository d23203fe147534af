// `compare-names.mjs BEFORE RESULT...`: holds a list of rows of bad input against the tests that there are now, and says what
// is lost. BEFORE has one row a line, in JSON: suite, id, item, at, expect. A RESULT is what `jest --json --outputFile` writes;
// with `--testNamePattern nothing` it lists tests without running them.
import { readFileSync } from 'node:fs';

/** A row is a test titled with its id, over the wire with its port, and, after a colon, with what is expected. */
const OVER_THE_WIRE = /\/e2e\/src\/bad-input\//;
const EXPECTATION = /: ([A-Z_]+\/.+)$/;

const [before, ...results] = process.argv.slice(2);
if (before === undefined || results.length === 0) {
  console.error('Usage: compare-names.mjs BEFORE RESULT...');
  process.exit(2);
}

const rows = readFileSync(before, 'utf8').trim().split('\n').map(JSON.parse);
const tests = results.flatMap((file) =>
  JSON.parse(readFileSync(file, 'utf8')).testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status !== 'failed')
      .map(({ title }) => {
        const expect = EXPECTATION.exec(title)?.[1];
        const named = expect === undefined ? title : title.slice(0, -expect.length - 2);
        return { named, expect, isOverTheWire: OVER_THE_WIRE.test(name) };
      }),
  ),
);

const byName = new Map();
for (const test of tests) byName.set(test.named, [...(byName.get(test.named) ?? []), test]);

const lost = [];
const changed = [];
const counts = { overTheWire: 0, inSpecs: 0, withExpectation: 0 };
const pairOf = ({ item, at }) => `${item}, ${at}`;
const keptPairs = new Set();
for (const row of rows) {
  const wired = (byName.get(`${row.id}, ${row.at}`) ?? []).filter(({ isOverTheWire }) => isOverTheWire);
  const found = [...(byName.get(row.id) ?? []), ...(byName.get(`${row.id}, ${row.at}`) ?? [])];
  if (wired.length > 0) keptPairs.add(pairOf(row));
  if (found.length === 0) lost.push(`${row.suite}: ${row.id}, ${row.at}: ${row.expect}`);
  counts[wired.length > 0 ? 'overTheWire' : 'inSpecs'] += found.length > 0 ? 1 : 0;
  const told = found.filter(({ expect }) => expect !== undefined);
  counts.withExpectation += told.length > 0 ? 1 : 0;
  if (told.length > 0 && !told.some(({ expect }) => expect === row.expect))
    changed.push(
      `${row.id}, ${row.at}: ${row.expect} was expected, now ${told.map(({ expect }) => expect).join(' or ')}`,
    );
}
const lostPairs = [...new Set(rows.map(pairOf))].filter((pair) => !keptPairs.has(pair));

const say = (title, lines) => {
  if (lines.length > 0) console.log([title, ...lines.map((line) => `  ${line}`)].join('\n'));
};
say(`${lost.length} rows lost:`, lost);
say(`${lostPairs.length} items without a row over the wire at a port that had one:`, lostPairs);
say(`${changed.length} expectations changed:`, changed);
console.log(
  `${rows.length} rows before: ${counts.overTheWire} over the wire, ${counts.inSpecs} in specs, ${lost.length} lost; ` +
    `${counts.withExpectation} show what they expect, ${changed.length} changed; ` +
    `${keptPairs.size} of ${keptPairs.size + lostPairs.length} pairs of item and port over the wire`,
);
process.exitCode = lost.length + lostPairs.length + changed.length === 0 ? 0 : 1;
