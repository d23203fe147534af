// `npm test`: everything that decides whether a change may go in, apart from lint and types.
import { ensureRedis } from './redis.mjs';
import { forgetResults, reportResults } from './results.mjs';
import { mustRun, runCommand } from './run-command.mjs';
import { FAST_SUITES, UNIT } from './suites.mjs';
import { runUnitSuites } from './unit.mjs';

const suites = [UNIT, ...FAST_SUITES];
forgetResults(suites);
await ensureRedis();
await mustRun('nx', ['run', 'contracts:generate', '--output-style=static']);
await mustRun('nx', ['run-many', '-t', 'build', '--output-style=static']);

const codes = [await runUnitSuites(UNIT, { args: process.argv.slice(2) })];
// all is built
const built = ['--excludeTaskDependencies', '--output-style=stream'];
for (const suite of FAST_SUITES) codes.push(await runCommand('nx', ['run', `e2e:${suite}`, ...built]));

const allGood = reportResults(suites) && codes.every((code) => code === 0);
process.exitCode = allGood ? 0 : 1;
