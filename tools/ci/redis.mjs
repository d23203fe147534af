import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { mustRun } from './run-command.mjs';

const onPath = (program) =>
  (process.env.PATH ?? '').split(delimiter).some((directory) => existsSync(join(directory, program)));

/** Debian's package may start a daemon of its own; the suites do not use it, and run level 1 keeps it from starting. */
async function installDebianPackage() {
  const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  console.log('No redis-server here: installing the one of Debian.');
  await mustRun('apt-get', ['update', '-qq'], env);
  await mustRun('apt-get', ['install', '-qq', '-y', '--no-install-recommends', 'redis-server'], env);
}

/**
 * The Redis suites start `redis-server` of the path, each its own on a free port; where it is missing, Debian's package is
 * installed when this is root, and else the process ends with one sentence.
 */
export async function ensureRedis() {
  if (onPath('redis-server')) return;
  if (process.getuid?.() === 0 && onPath('apt-get')) await installDebianPackage();
  if (onPath('redis-server')) return;
  console.error('Redis is needed: install redis-server (Debian: apt-get install redis-server).');
  process.exit(1);
}
