// `npm test`: everything that decides whether a change may go in, apart from lint and types.
import { availableParallelism } from 'node:os';
import { ensureRedis } from './redis.mjs';
import { forgetResults, reportResults, resultFile } from './results.mjs';
import { mustRun, runCommand } from './run-command.mjs';
import { FAST_SUITES, UNIT } from './suites.mjs';

const suites = [UNIT, ...FAST_SUITES];
forgetResults(suites);
await ensureRedis();
await mustRun('nx', ['run', 'contracts:generate', '--output-style=static']);
await mustRun('nx', ['run-many', '-t', 'build', '--output-style=static']);

// never in this process itself: a test file that takes all memory then fails alone, and the others still count
const workers = String(Math.max(2, availableParallelism()));
// no test is about how fast a busy machine is: the limit is there to end one that hangs
const limits = ['--maxWorkers', workers, '--testTimeout', '30000'];
const jest = ['--config', 'jest.config.cjs', ...limits, '--json', '--outputFile', resultFile(UNIT)];
const codes = [await runCommand('jest', [...jest, ...process.argv.slice(2)])];
for (const suite of FAST_SUITES) codes.push(await runCommand('nx', ['run', `e2e:${suite}`, '--output-style=stream']));

const allGood = reportResults(suites) && codes.every((code) => code === 0);
process.exitCode = allGood ? 0 : 1;
