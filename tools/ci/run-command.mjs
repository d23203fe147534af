import { spawn } from 'node:child_process';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

// The tools of node_modules come first, so that these scripts do the same under npm and without it. No Nx daemon: it
// would outlive the run, and a CI machine waits for what is left of it.
const environment = {
  ...process.env,
  PATH: [join(ROOT, 'node_modules', '.bin'), process.env.PATH].join(delimiter),
  NX_DAEMON: 'false',
};

/**
 * Runs a command at the root of the workspace, its output shown as it comes.
 * @returns its exit code; 1 when it was ended by a signal
 * @throws Error when it cannot be started
 */
export function runCommand(command, args, env = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: ROOT,
      env: { ...environment, ...env },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

/** As {@link runCommand}, for what the rest of a run cannot do without: a failure ends the process. */
export async function mustRun(command, args, env = {}) {
  const code = await runCommand(command, args, env);
  if (code === 0) return;
  console.error(`\n${[command, ...args].join(' ')} failed (exit ${code}).`);
  process.exit(1);
}
