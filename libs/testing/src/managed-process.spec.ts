import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive, ManagedProcess } from './managed-process';
import { waitUntil } from './wait-until';

jest.setTimeout(60_000);

describe('ManagedProcess', () => {
  const directory = mkdtempSync(join(tmpdir(), 'cpns-process-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  let count = 0;
  const start = (code: string, env: Record<string, string> = {}, nodeOptions: string[] = []) => {
    const main = join(directory, `${++count}.cjs`);
    writeFileSync(main, code);
    return ManagedProcess.start({ name: `p${count}`, main, env, nodeOptions, logFile: `${main}.log` });
  };
  const FOREVER = 'setInterval(() => undefined, 1000);';

  it('keeps what it writes, and tells how it ended', async () => {
    const child = await start('console.log("one"); console.error("two"); process.exit(3);');
    expect(await child.exited).toEqual({ code: 3, signal: null });
    expect(child.logTail()).toBe('one\ntwo');
    expect(child.failure('failed').message).toMatch(/p\d+ failed: it ended with exit code 3[^]*one\ntwo/);
  });

  it('passes variables and options of node on, and no others', async () => {
    const preload = join(directory, 'preload.cjs');
    writeFileSync(preload, 'globalThis.preloaded = "yes";');
    process.env.CPNS_STRAY = 'x';
    const child = await start(
      'console.log(process.env.CPNS_STRAY, process.env.GIVEN, globalThis.preloaded);',
      { GIVEN: 'g' },
      ['--require', preload],
    );
    delete process.env.CPNS_STRAY;
    await child.exited;
    expect(child.logTail()).toBe('undefined g yes');
  });

  it('waits for a file, and no longer than the process lives', async () => {
    const file = join(directory, 'ready');
    const ready = await start(`require('node:fs').writeFileSync(${JSON.stringify(file)}, ''); ${FOREVER}`);
    await ready.waitForFile(file, 20_000);
    await ready.stop();
    const failing = await start('console.error("no such setting"); process.exit(78);');
    const before = Date.now();
    await expect(failing.waitForFile(join(directory, 'never'), 60_000)).rejects.toThrow(
      /exit code 78[^]*no such setting/,
    );
    expect(Date.now() - before).toBeLessThan(30_000);
    const slow = await start(FOREVER);
    await expect(slow.waitForFile(join(directory, 'never'), 50)).rejects.toThrow('did not become ready within 50 ms');
    await slow.kill('SIGKILL');
  });

  it('stops with SIGTERM, and with SIGKILL after the grace', async () => {
    const file = join(directory, 'deaf');
    const obedient = await start(FOREVER);
    expect(await obedient.stop()).toEqual({ code: null, signal: 'SIGTERM' });
    const deaf = await start(
      `process.on('SIGTERM', () => undefined); require('node:fs').writeFileSync(${JSON.stringify(file)}, ''); ${FOREVER}`,
    );
    await deaf.waitForFile(file, 20_000);
    expect(await deaf.stop(50)).toEqual({ code: null, signal: 'SIGKILL' });
    expect(isAlive(deaf.pid)).toBe(false);
    expect(await deaf.stop()).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it.each(['SIGKILL', 'SIGTERM'] as const)('leaves no orphan when its starter is ended by %s', async (signal) => {
    const child = join(directory, 'orphan.cjs');
    const pidFile = join(directory, `orphan-${signal}.pid`);
    writeFileSync(child, `require('node:fs').writeFileSync(process.env.PID_FILE, String(process.pid)); ${FOREVER}`);
    const starter = join(directory, `starter-${signal}.cjs`);
    const spec = { name: 'orphan', main: child, env: { PID_FILE: pidFile }, logFile: `${child}.log` };
    writeFileSync(
      starter,
      `const { ManagedProcess } = require(${JSON.stringify(join(__dirname, '..', 'dist', 'managed-process.js'))});
       ManagedProcess.start(${JSON.stringify(spec)})
         .then((p) => p.waitForFile(${JSON.stringify(pidFile)}, 20000))
         .then(() => process.stdout.write('started'));
       ${FOREVER}`,
    );
    const parent = spawn(process.execPath, [starter], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(parent.stdout, 'data');
    const pid = Number(readFileSync(pidFile, 'utf8'));
    expect(isAlive(pid)).toBe(true);
    parent.kill(signal);
    await once(parent, 'exit');
    await waitUntil('the end of the orphan', () => !isAlive(pid), { withinMs: 20_000 });
  });
});
