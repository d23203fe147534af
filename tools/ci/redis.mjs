import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { delimiter, join } from 'node:path';
import { mustRun } from './run-command.mjs';

const onPath = (program) =>
  (process.env.PATH ?? '').split(delimiter).some((directory) => existsSync(join(directory, program)));

const CONNECT_TIMEOUT_MS = 5_000;

function answers(url) {
  return new Promise((resolve) => {
    const socket = connect({ host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 6379) });
    const done = (result) => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => done(false));
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}

function stop(sentence) {
  console.error(sentence);
  process.exit(1);
}

/** Debian's package may start a daemon of its own; the suites do not use it, and run level 1 keeps it from starting. */
async function installDebianPackage() {
  const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  console.log('No redis-server here: installing the one of Debian.');
  await mustRun('apt-get', ['update', '-qq'], env);
  await mustRun('apt-get', ['install', '-qq', '-y', '--no-install-recommends', 'redis-server'], env);
}

/** @returns whether REDIS_URL names a server; one that does not answer ends the process */
async function isGiven() {
  const { REDIS_URL } = process.env;
  if (!REDIS_URL) return false;
  if (!URL.canParse(REDIS_URL))
    stop('REDIS_URL is not a URL: set it to one such as redis://127.0.0.1:6379, or unset it.');
  if (!(await answers(new URL(REDIS_URL))))
    stop('REDIS_URL is set but nothing answers there: start that Redis, or unset it.');
  return true;
}

/**
 * The Redis suites need a server: REDIS_URL, else `redis-server` on the path (each suite starts its own on a free
 * port), else Debian's package when this is root. Without any of them the process ends with one sentence. Tests that
 * kill a server take one of their own in any case, so a root without the program installs it also beside REDIS_URL.
 */
export async function ensureRedis() {
  const given = await isGiven();
  if (onPath('redis-server')) return;
  if (process.getuid?.() === 0 && onPath('apt-get')) await installDebianPackage();
  if (!given && !onPath('redis-server'))
    stop(
      'Redis is needed: install redis-server (Debian: apt-get install redis-server) or set REDIS_URL to a running one.',
    );
}
