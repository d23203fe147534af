import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '@cpns/core/testing';
import { Redis } from 'ioredis';

export interface StartRedisOptions {
  /** Keep a log of changes, flushed at each one, so that `restart()` finds everything again. */
  readonly appendonly?: boolean;
  /** More settings, as `['--cluster-enabled', 'yes']` */
  readonly settings?: readonly string[];
  /** Run as a Sentinel, with these lines in its file */
  readonly sentinel?: readonly string[];
}

export interface RunningRedis {
  /** For `openStore`. */
  readonly url: string;
  readonly port: number;
  /** Of the server as it runs now. */
  readonly pid: number;
  /** Kills the server (SIGKILL) and waits for its end. */
  readonly kill: () => Promise<void>;
  /** Starts the killed server again, on the same port and directory. */
  readonly restart: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** A Redis for one test suite: `redis-server` of the path, on a free port of 127.0.0.1 in a directory of its own. */
export async function startRedis(options: StartRedisOptions = {}): Promise<RunningRedis> {
  const directory = await mkdtemp(join(tmpdir(), 'cpns-redis-'));
  const port = await freePort();
  const start = () => launch(port, directory, options);
  let server = await start();
  const kill = async () => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, 'exit');
    server.kill('SIGKILL');
    await ended;
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      return server.pid ?? 0;
    },
    kill,
    restart: async () => {
      await kill();
      server = await start();
    },
    stop: async () => {
      await kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function launch(port: number, directory: string, options: StartRedisOptions): Promise<ChildProcess> {
  const mode: string[] = [];
  if (options.sentinel) {
    // a Sentinel keeps what it knows in its own file, and takes its settings from nowhere else
    const file = join(directory, 'sentinel.conf');
    await writeFile(file, options.sentinel.join('\n'));
    mode.push(file, '--sentinel');
  }
  const log = options.appendonly ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no'];
  const settings = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--dir', directory, ...log];
  const server = spawn('redis-server', [...mode, ...settings, ...(options.settings ?? [])], {
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  const failed = new Promise<never>((_, reject) => {
    server.once('error', () => reject(new Error('these tests need redis-server on the path')));
    server.once('exit', (code) => reject(new Error(`redis-server ended at its start with status ${code}`)));
  });
  // the suite's end must not leave a server behind; `exit` handlers run even when a test throws
  const reap = () => server.kill('SIGKILL');
  process.once('exit', reap);
  server.once('exit', () => process.off('exit', reap));
  await Promise.race([answering(port), failed]);
  failed.catch(() => undefined);
  return server;
}

/** Waits until the server answers PING with something: PONG, or that it wants a password. */
async function answering(port: number): Promise<void> {
  const client = new Redis(port, '127.0.0.1', {
    retryStrategy: () => 25,
    maxRetriesPerRequest: 1,
    enableReadyCheck: false,
  });
  client.on('error', () => undefined);
  const ping = () =>
    client.ping().catch((error: unknown) => {
      if (!String(error).includes('NOAUTH')) throw error;
    });
  await eventually(ping, 5_000).finally(() => client.disconnect());
}

const SLOTS = 16_384;

/** Three masters with a third of the slots each: a key outside its aggregate's hash tag is refused there as CROSSSLOT. */
export async function startRedisCluster(): Promise<Pick<RunningRedis, 'url' | 'stop'>> {
  const nodes = await Promise.all([0, 1, 2].map(() => startRedis({ settings: ['--cluster-enabled', 'yes'] })));
  const clients = nodes.map(({ url }) => new Redis(url));
  for (const [index, client] of clients.entries()) {
    const [first, next] = [index, index + 1].map((third) => Math.floor((SLOTS * third) / 3));
    await client.cluster('ADDSLOTSRANGE', first!, next! - 1);
    await client.cluster('MEET', '127.0.0.1', nodes[0]!.port);
  }
  for (const client of clients) {
    while (!(await client.cluster('INFO')).includes('cluster_state:ok')) await sleep(50);
    client.disconnect();
  }
  return {
    url: `redis+cluster://127.0.0.1:${nodes[0]!.port}`,
    stop: () => Promise.all(nodes.map((node) => node.stop())).then(() => undefined),
  };
}
