import { availableParallelism } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { resultFile } from './results.mjs';
import { ROOT, runCommand } from './run-command.mjs';

// Half of the time a test waits, for a process that it started or for a timer: two workers keep a core busy. Never in
// this process itself: a test file that takes all memory then fails alone, and the others still count.
const WORKERS = String(2 * availableParallelism());

// no test is about how fast a busy machine is: the limit is there to end one that hangs
const TIMEOUT_MS = '30000';

/**
 * Runs every unit and contract suite of the workspace, which is generated and built.
 * @param suite names the result
 * @param node the program that runs them, and first on the path of what they start
 * @returns the exit code of Jest
 */
export function runUnitSuites(suite, { node = process.execPath, args = [] } = {}) {
  const jest = join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js');
  const limits = ['--maxWorkers', WORKERS, '--testTimeout', TIMEOUT_MS];
  const result = ['--json', '--outputFile', resultFile(suite)];
  return runCommand(node, [jest, '--config', 'jest.config.cjs', ...limits, ...result, ...args], nodeFirst(node));
}

/** Variables by which `node` is that one for child processes too. */
export const nodeFirst = (node) => ({
  PATH: [dirname(node), join(ROOT, 'node_modules', '.bin'), process.env.PATH].join(delimiter),
});
