/** The demo against the compose file's deployment runs as one of its containers: only there its services have addresses. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** Set where the demo is that container. */
export const INSIDE = { variable: 'CPNS_DEMO_INSIDE', value: 'compose' } as const;

const EXIT_USAGE = 64;
/** The same from `src/`, where tests run, and from `dist/`. */
const ROOT = join(__dirname, '..', '..', '..');

type Program = readonly string[];

/** The program that was there before Docker's own plugin, and that. */
const PROGRAMS: readonly Program[] = [['docker-compose'], ['docker', 'compose']];

const answers = ([program = '', ...args]: Program): boolean =>
  spawnSync(program, [...args, 'version'], { stdio: 'ignore' }).status === 0;

/** Runs the demo's container, with what it says on our output. @returns its exit code */
export async function runInContainer(out: string | undefined, programs = PROGRAMS): Promise<number> {
  if (out !== undefined) {
    process.stderr.write('demo: with --against compose there is no --out: the demo runs in a container\n');
    return EXIT_USAGE;
  }
  const found = programs.find(answers);
  if (found === undefined) {
    process.stderr.write('demo: neither docker-compose nor docker compose runs here\n');
    return EXIT_USAGE;
  }
  const [program = '', ...args] = found;
  const child = spawn(program, [...args, 'run', '--rm', 'demo'], { cwd: ROOT, stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}
