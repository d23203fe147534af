import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@cpns/core';
import { EmbeddedStore } from './embedded-store';
import { takeOwnership } from './ownership';

/** Another process: says whether it got the lock, and keeps it for as long as it lives. */
const OTHER = `
const { tryLock } = require('fs-native-extensions');
console.log(tryLock(require('node:fs').openSync(process.argv[1], 'a+')));
setInterval(() => {}, 1_000);
`;

describe('the owner of a directory', () => {
  let directory: string;
  const others: ChildProcess[] = [];
  beforeEach(async () => {
    directory = await realpath(await mkdtemp(join(tmpdir(), 'cpns-owner-')));
  });
  afterEach(async () => {
    for (const other of others.splice(0)) await kill(other);
    await rm(directory, { recursive: true, force: true });
  });

  /** @returns the process, and whether it owns the directory now */
  async function startOther(): Promise<{ other: ChildProcess; owns: boolean }> {
    const command = ['-e', OTHER, join(directory, 'owner.lock')];
    const other = spawn(process.execPath, command, { cwd: __dirname, stdio: ['ignore', 'pipe', 'inherit'] });
    others.push(other);
    const [said] = (await once(other.stdout, 'data')) as [Buffer];
    return { other, owns: said.toString().trim() === 'true' };
  }

  async function kill(other: ChildProcess): Promise<void> {
    if (other.exitCode !== null || other.signalCode !== null) return;
    other.kill('SIGKILL');
    await once(other, 'exit');
  }

  const open = () => EmbeddedStore.open(directory, { clock: systemClock });

  it('is one process: another is refused in a sentence, and has opened nothing', async () => {
    const { owns } = await startOther();
    expect(owns).toBe(true);
    await expect(open()).rejects.toMatchObject({
      reason: 'DEPENDENCY_UNAVAILABLE',
      message: expect.stringContaining('another process has this store open') as unknown,
    });
    // the second attempt finds nothing left behind by the first
    await expect(takeOwnership(directory)).rejects.toMatchObject({ reason: 'DEPENDENCY_UNAVAILABLE' });
  });

  it('keeps others out until its last handle is closed', async () => {
    const [first, second] = [await open(), await open()];
    await first.close();
    await first.close();
    expect((await startOther()).owns).toBe(false);
    await second.close();
    expect((await startOther()).owns).toBe(true);
  });

  it('is whoever comes after one that was killed, at once', async () => {
    const { other } = await startOther();
    await kill(other);
    const store = await open();
    await store.ping();
    await store.close();
  });

  it('is waited for while it ends', async () => {
    const { other } = await startOther();
    const opening = open();
    await kill(other);
    await (await opening).close();
  });

  it('can be two openings of one moment', async () => {
    const stores = await Promise.all([open(), open(), open()]);
    await Promise.all(stores.map((store) => store.close()));
    expect((await startOther()).owns).toBe(true);
  });
});
