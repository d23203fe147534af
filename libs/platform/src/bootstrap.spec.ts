import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KmcServiceService } from '@cpns/contracts';
import { reasonOfAsync } from '@cpns/core/testing';
import { connectTo, type Connection } from '@cpns/grpc';
import { TestPki } from '@cpns/grpc/testing';
import { outcomeOf, spawnTypeScript, type Outcome } from '@cpns/telemetry/testing';

const KMC = 'cpns://td.example/service/kmc';
const pki = new TestPki();
const clientTls = pki.client('cpns://td.example/service/cpns-server');
const directory = mkdtempSync(join(tmpdir(), 'cpns-service-'));
const file = (name: string, content: string | Buffer): string => {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
};
const { cert, key, ca } = pki.server(KMC);
const ENV = {
  CPNS_CERT: file('cert.pem', cert),
  CPNS_KEY_FILE: file('key.pem', key),
  CPNS_ROOT: file('root.pem', ca),
};

const children: ChildProcess[] = [];
const connections: Connection[] = [];

afterEach(() => {
  for (const connection of connections.splice(0)) connection.close();
  for (const child of children.splice(0)) if (child.exitCode === null) child.kill('SIGKILL');
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

function spawn(env: Record<string, string>): { child: ChildProcess; outcome: Promise<Outcome> } {
  const child = spawnTypeScript(join(__dirname, 'testing', 'sample-service.ts'), [], env);
  children.push(child);
  return { child, outcome: outcomeOf(child) };
}

let count = 0;

/** A running service, as a launcher sees it: by its ready file. */
async function launch(env: Record<string, string> = {}) {
  const readyFile = join(directory, `ready-${count++}.json`);
  const { child, outcome } = spawn({ ...ENV, CPNS_READY_FILE: readyFile, ...env });
  while (!existsSync(readyFile)) {
    if (child.exitCode !== null) throw new Error((await outcome).stderr);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const ready = JSON.parse(readFileSync(readyFile, 'utf8')) as { pid: number; addresses: { certificate: string } };
  const connection = connectTo({ address: ready.addresses.certificate, tls: clientTls, expectedPeer: KMC });
  connections.push(connection);
  return { child, outcome, ready, readyFile, kmc: connection.client(KmcServiceService) };
}

const linesOf = ({ stderr }: Outcome) =>
  stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

jest.setTimeout(60_000);

test('says where it listens, in one line of log and in the ready file, and serves there', async () => {
  const { child, outcome, ready, readyFile, kmc } = await launch();
  expect(ready).toEqual({
    service: 'sample',
    pid: child.pid,
    addresses: { certificate: expect.any(String) as string },
  });
  expect(ready.addresses.certificate).toMatch(/^127\.0\.0\.1:[1-9]\d*$/);
  expect(statSync(readyFile).mode & 0o777).toBe(0o600);
  expect(await reasonOfAsync(() => kmc.getKeyVersion({ groupId: 'g', version: 0n }))).toBe('accepted');
  child.kill('SIGTERM');
  const lines = linesOf(await outcome).filter((line) => line.message === 'service ready');
  expect(lines).toMatchObject([{ level: 'info', service: 'sample', addresses: ready.addresses }]);
});

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s: calls under way finish, new ones are refused, code 0',
  async (signal) => {
    const { child, outcome, kmc } = await launch();
    await kmc.createKey({ groupId: 'g', requestId: Buffer.alloc(16) });
    const underWay = kmc.getKeyVersion({ groupId: 'g', version: 700n });
    await new Promise((resolve) => setTimeout(resolve, 200));
    child.kill(signal);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(['SHUTTING_DOWN', 'DEPENDENCY_UNAVAILABLE']).toContain(
      await reasonOfAsync(() => kmc.createKey({ groupId: 'g', requestId: Buffer.alloc(16) })),
    );
    expect(await underWay).toEqual({ version: undefined });
    const ended = await outcome;
    expect(ended.code).toBe(0);
    // health before ports, ports before what the modules hold, and the log last
    expect(linesOf(ended).map((line) => line.message)).toEqual([
      'health changed',
      'service ready',
      'service stopping',
      'health changed',
      'sample module shut down',
      'service stopped',
    ]);
  },
);

test('a call that outlasts the grace is cut off, and the service still ends with code 0', async () => {
  const { child, outcome, kmc } = await launch({ CPNS_STOP_GRACE: '300ms' });
  const call = reasonOfAsync(() => kmc.getKeyVersion({ groupId: 'g', version: 60_000n }, { deadlineMs: 30_000 }));
  await new Promise((resolve) => setTimeout(resolve, 300));
  child.kill('SIGTERM');
  expect(await call).toBe('DEPENDENCY_UNAVAILABLE');
  expect((await outcome).code).toBe(0);
});

test('a second signal ends it at once with code 1', async () => {
  const { child, outcome, kmc } = await launch();
  const call = reasonOfAsync(() => kmc.getKeyVersion({ groupId: 'g', version: 60_000n }, { deadlineMs: 30_000 }));
  await new Promise((resolve) => setTimeout(resolve, 300));
  child.kill('SIGTERM');
  await new Promise((resolve) => setTimeout(resolve, 300));
  child.kill('SIGTERM');
  expect((await outcome).code).toBe(1);
  expect(await call).toBe('DEPENDENCY_UNAVAILABLE');
});

test('a stop that hangs ends with code 1 when its time is over', async () => {
  const { child, outcome } = await launch({ CPNS_FAULT: 'slow-stop', CPNS_STOP_GRACE: '0ms' });
  child.kill('SIGTERM');
  const ended = await outcome;
  expect(ended.code).toBe(1);
  expect(linesOf(ended).at(-1)).toMatchObject({ message: 'sample module shut down' });
});

test('a signal during the start ends it at once, and no port opens', async () => {
  const { child, outcome } = spawn({ ...ENV, CPNS_FAULT: 'slow-start' });
  await new Promise<void>((resolve) =>
    child.stderr?.on('data', (text) => String(text).includes('slowly') && resolve()),
  );
  child.kill('SIGTERM');
  const ended = await outcome;
  expect(ended.code).toBeNull();
  expect(ended.stderr).not.toContain('service ready');
});

test('a stop that fails says so, and ends with code 1', async () => {
  const { child, outcome } = await launch({ CPNS_FAULT: 'stop' });
  child.kill('SIGTERM');
  const ended = await outcome;
  expect(ended.code).toBe(1);
  const last = linesOf(ended).at(-1);
  expect(last).toMatchObject({ level: 'error', message: 'service did not stop cleanly' });
  expect(JSON.stringify(last)).toContain('the store did not close');
});

describe('a wrong configuration ends it with code 78 and one sentence', () => {
  test.each<[string, Record<string, string>, string]>([
    ['wrong', { CPNS_LISTEN: 'nowhere' }, 'CPNS_LISTEN must be host:port, with port 0 for a free one'],
    [
      'unknown',
      { CPNS_LOG_LEVLE: 'x' },
      'CPNS_LOG_LEVLE is not a setting of this service; did you mean CPNS_LOG_LEVEL?',
    ],
    ['common', { CPNS_STOP_GRACE: 'soon' }, 'CPNS_STOP_GRACE must be a duration such as 500ms, 5s, 10m, 24h or 30d'],
  ])('%s', async (_what, env, sentence) => {
    expect(await spawn({ ...ENV, ...env }).outcome).toEqual({ code: 78, stdout: '', stderr: `sample: ${sentence}\n` });
  });
});

describe('what goes wrong otherwise is one fatal line and code 1', () => {
  test.each(['info', 'silent'])('a start that fails, of a service that logs %s', async (level) => {
    const ended = await spawn({ ...ENV, CPNS_FAULT: 'start', CPNS_LOG_LEVEL: level }).outcome;
    expect(ended.code).toBe(1);
    const fatal = { level: 'fatal', message: 'service did not start', error: { reason: 'DEPENDENCY_UNAVAILABLE' } };
    const lines = linesOf(ended);
    expect(level === 'silent' ? lines : lines.filter((line) => line.level === 'fatal')).toMatchObject([fatal]);
  });

  test('a module that lacks a provider, which it names', async () => {
    const ended = await spawn({ ...ENV, CPNS_FAULT: 'provider' }).outcome;
    expect(ended.code).toBe(1);
    const [fatal] = linesOf(ended).filter((line) => line.level === 'fatal');
    expect(JSON.stringify(fatal)).toMatch(/dependencies of the Needy .*Map.* SampleModule/);
  });

  test('an address that is taken', async () => {
    const { ready } = await launch();
    const ended = await spawn({ ...ENV, CPNS_LISTEN: ready.addresses.certificate }).outcome;
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain(`cannot listen on ${ready.addresses.certificate}`);
  });

  test.each([
    ['an exception', 'destroyKeyVersion', 'uncaught exception', 'nobody caught this'],
    ['a rejection', 'destroyKey', 'unhandled rejection', 'nobody awaited this'],
  ] as const)('%s that nobody caught', async (_what, method, message, cause) => {
    const { outcome, kmc } = await launch();
    await reasonOfAsync(() => kmc[method]({ groupId: 'g', version: 1n }));
    const ended = await outcome;
    expect(ended.code).toBe(1);
    expect(linesOf(ended).at(-1)).toMatchObject({ level: 'fatal', message, error: { message: cause } });
  });
});
