/** The Redis that the Server side is measured on. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '@cpns/testing';

export interface BenchRedis {
  readonly url: string;
  /** Ends it where it is one of our own. */
  readonly stop: () => Promise<void>;
}

const HOST = '127.0.0.1';
const READY_MS = 5_000;
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
  const remove = () => rmSync(directory, { recursive: true, force: true });
  const port = await freePort();
  const settings = ['--port', `${port}`, '--bind', HOST, '--save', '', '--appendonly', 'no', '--dir', directory];
  const server = spawn('redis-server', settings, { stdio: 'ignore' });
  const started = await once(server, 'spawn').then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
  if (!started) {
    remove();
    return undefined;
  }
  const reap = () => server.kill('SIGKILL');
  process.once('exit', reap);
  const stop = async () => {
    process.off('exit', reap);
    if (server.exitCode === null && server.signalCode === null) {
      const ended = once(server, 'exit');
      server.kill('SIGKILL');
      await ended;
    }
    remove();
  };
  for (const until = Date.now() + READY_MS; Date.now() < until; await sleep(POLL_MS))
    if (await answers(port)) return { url: `redis://${HOST}:${port}`, stop };
  await stop();
  throw new Error('redis-server does not answer');
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, HOST, () => socket.write('PING\r\n'));
    const done = (result: boolean) => {
      socket.destroy();
      resolve(result);
    };
    socket.once('data', () => done(true));
    socket.once('error', () => done(false));
  });
}
