import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { ROOT } from './run-command.mjs';

const DIRECTORY = join(ROOT, 'out', 'test');
const SAID_LINES = 20;

/** Where a suite leaves its result: what `jest --json --outputFile` writes. */
export const resultFile = (suite) => join(DIRECTORY, `${suite}.json`);

/** Removes what an earlier run left, so that an old result never stands for a suite that did not run. */
export function forgetResults(suites) {
  mkdirSync(DIRECTORY, { recursive: true });
  for (const suite of suites) rmSync(resultFile(suite), { force: true });
}

/** The tests of a file that failed, each with what Jest said of it; or the file, when it did not load. */
function failuresOfFile({ name, message, assertionResults }) {
  const file = relative(ROOT, name);
  const failed = assertionResults.filter(({ status }) => status === 'failed');
  if (failed.length === 0 && assertionResults.length === 0 && message) return [{ test: file, said: message }];
  return failed.map(({ fullName, failureMessages }) => ({
    test: `${file}: ${fullName}`,
    said: failureMessages.join('\n'),
  }));
}

/** What was expected, and where in the own code; the whole message stands in the result file. */
function printFailure({ test, said }) {
  console.log(`  ${test}`);
  const lines = stripVTControlCharacters(said).split('\n');
  const own = lines.filter((line) => line.trim() !== '' && !/node_modules|node:internal|processTicks/.test(line));
  for (const line of own.slice(0, SAID_LINES)) console.log(`    | ${line}`);
}

function readResult(suite) {
  const none = { suite, passed: 0, failed: 0, skipped: 0, failures: [] };
  const file = resultFile(suite);
  if (!existsSync(file)) return { ...none, problem: `left no result in ${file}` };

  const jest = JSON.parse(readFileSync(file, 'utf8'));
  const result = {
    suite,
    passed: jest.numPassedTests,
    // a file that does not load has no tests to fail: it counts as one
    failed: jest.numFailedTests + jest.numRuntimeErrorTestSuites,
    skipped: jest.numPendingTests + jest.numTodoTests,
    failures: jest.testResults.flatMap(failuresOfFile),
  };
  if (jest.numTotalTests === 0) return { ...result, problem: 'has no tests' };
  if (result.failed > 0) return { ...result, problem: 'has failures' };
  if (result.skipped > 0) return { ...result, problem: 'skips tests; a test is run or removed' };
  if (!jest.success || jest.wasInterrupted) return { ...result, problem: 'did not end well' };
  return result;
}

function printTable(results) {
  const width = Math.max(...results.map(({ suite }) => suite.length), 'suite'.length);
  const row = (suite, ...cells) =>
    console.log([suite.padEnd(width), ...cells.map((c) => String(c).padStart(8))].join(''));
  console.log();
  row('suite', 'passed', 'failed', 'skipped');
  for (const { suite, passed, failed, skipped } of results) row(suite, passed, failed, skipped);
  console.log();
}

/**
 * Prints a table of the suites, what is wrong with any of them, which tests failed, and, last and alone on its line, the sum:
 * `N passed, M failed, K skipped`.
 * @returns false on a failure, a skipped or todo test, and a suite that left no result or has no tests
 */
export function reportResults(suites) {
  const results = suites.map(readResult);
  const sum = (field) => results.reduce((total, result) => total + result[field], 0);
  const problems = results.filter(({ problem }) => problem !== undefined);

  printTable(results);
  for (const { suite, problem, failures } of problems) {
    console.log(`${suite} ${problem}`);
    failures.forEach(printFailure);
  }
  console.log(`${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`);
  return problems.length === 0;
}
