// Sums up what the suites left in out/test. `--full` also expects the slow suites over real processes.
import { reportResults } from './results.mjs';
import { E2E_SUITES, FAST_SUITES, UNIT, UNIT_NODE_24 } from './suites.mjs';

const expected = process.argv.includes('--full') ? E2E_SUITES : FAST_SUITES;
process.exitCode = reportResults([UNIT, UNIT_NODE_24, ...expected]) ? 0 : 1;
