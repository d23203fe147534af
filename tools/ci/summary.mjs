// Sums up what the suites left in out/test. `--full` also expects the slow suites over real processes, and those on Node 24.
import { reportResults } from './results.mjs';
import { E2E_SUITES, FAST_SUITES, UNIT, UNIT_NODE_24 } from './suites.mjs';

const expected = process.argv.includes('--full') ? [UNIT_NODE_24, ...E2E_SUITES] : FAST_SUITES;
process.exitCode = reportResults([UNIT, ...expected]) ? 0 : 1;
