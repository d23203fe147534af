import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';

/** Starts a TypeScript file in a process of its own, with no other environment than what it is given. */
export function spawnTypeScript(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): ChildProcess {
  const hook = join(__dirname, 'typescript-hook.cjs');
  return spawn(process.execPath, ['--require', hook, file, ...args], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a child wrote and how it ended. */
export async function outcomeOf(child: ChildProcess): Promise<Outcome> {
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name]?.setEncoding('utf8').on('data', (chunk: string) => (text[name] += chunk));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, ...text };
}
