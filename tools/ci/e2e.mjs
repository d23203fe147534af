// `npm run e2e [-- SUITE...]`: the suites over real processes, all of them or those that are named.
import { ensureRedis } from './redis.mjs';
import { forgetResults, reportResults } from './results.mjs';
import { mustRun, runCommand } from './run-command.mjs';
import { E2E_SUITES } from './suites.mjs';

const named = process.argv.slice(2);
const unknown = named.filter((suite) => !E2E_SUITES.includes(suite));
if (unknown.length > 0) {
  console.error(`No e2e suite ${unknown.join(', ')}; there are ${E2E_SUITES.join(', ')}.`);
  process.exit(1);
}

const suites = named.length > 0 ? named : E2E_SUITES;
forgetResults(suites);
await ensureRedis();
await mustRun('nx', ['run-many', '-t', 'build', '--output-style=static']);

const codes = [];
for (const suite of suites) codes.push(await runCommand('nx', ['run', `e2e:${suite}`, '--output-style=stream']));

const allGood = reportResults(suites) && codes.every((code) => code === 0);
process.exitCode = allGood ? 0 : 1;
