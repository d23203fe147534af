/** The Redis that the Server side is measured on. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@cpns/testing';
import { Redis } from 'ioredis';

export interface BenchRedis {
  readonly url: string;
  /** Ends it where it is one of our own. */
  readonly stop: () => Promise<void>;
}

const ATTEMPTS = 200;
const POLL_MS = 25;

/**
 * The one that is named, by the option or by REDIS_URL, else `redis-server` of the path, on a free port and as it comes:
 * its changes in memory alone. What was named is not looked at before it is used.
 * @returns undefined where there is none
 * @throws Error when the program is there and does not answer
 */
export async function findRedis(named = process.env.REDIS_URL): Promise<BenchRedis | undefined> {
  if (named !== undefined && named !== '') return { url: named, stop: () => Promise.resolve() };
  const directory = mkdtempSync(join(tmpdir(), 'cpns-bench-redis-'));
  const url = `redis://127.0.0.1:${await freePort()}`;
  const { port, hostname } = new URL(url);
  const settings = ['--port', port, '--bind', hostname, '--save', '', '--appendonly', 'no', '--dir', directory];
  const server = spawn('redis-server', settings, { stdio: 'ignore' });
  const reap = () => server.kill('SIGKILL');
  process.once('exit', reap);
  const ended = new Promise((resolve) => server.once('exit', resolve));
  const stop = async () => {
    process.off('exit', reap);
    if (reap()) await ended;
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    await once(server, 'spawn');
    await answering(url);
    return { url, stop };
  } catch (error) {
    await stop();
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Resolves when the server answers. @throws Error when it does not within 5 s */
async function answering(url: string): Promise<void> {
  const client = new Redis(url, { retryStrategy: () => POLL_MS, maxRetriesPerRequest: ATTEMPTS });
  // each attempt that fails is one; the last is thrown
  client.on('error', () => undefined);
  await client.ping().finally(() => client.disconnect());
}
