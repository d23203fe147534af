import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@cpns/core';
import { eventually, FakeClock } from '@cpns/core/testing';
import * as lmdb from 'lmdb';
import { dump } from '../testing/dump';
import { put } from '../testing/each-store';
import { EmbeddedStore } from './embedded-store';

jest.mock('lmdb', () => {
  const actual = jest.requireActual<typeof lmdb>('lmdb');
  return { ...actual, open: jest.fn(actual.open) };
});
const { nativeAddon } = lmdb as unknown as { nativeAddon: { getEnvFlags: (environment: number) => number } };
/** Each of these LMDB flags lets a commit resolve before its pages are on the disk. */
const UNFLUSHED = { MDB_OVERLAPPINGSYNC: 0x1000, MDB_NOSYNC: 0x10000, MDB_NOMETASYNC: 0x40000, MDB_MAPASYNC: 0x100000 };

const at = { kind: 'k', id: 'i' };
const unavailable = { name: 'CpnsError', reason: 'DEPENDENCY_UNAVAILABLE' };

describe('the directory of an embedded store', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cpns-store-'));
  });
  const opened: EmbeddedStore[] = [];
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
    await rm(directory, { recursive: true, force: true });
  });
  const open = async (clock = systemClock, sweepEvery = 60_000, at = directory) => {
    const store = await EmbeddedStore.open(at, { clock, sweepEvery });
    opened.push(store);
    return store;
  };

  it('is made for its owner only, with what leads to it', async () => {
    const deep = join(directory, 'a.b', 'c.mdb');
    const store = await open(systemClock, 60_000, deep);
    await store.ping();
    expect((await stat(deep)).mode & 0o777).toBe(0o700);
  });

  it('keeps everything from one opening to the next', async () => {
    const first = await open();
    await first.commit(at, {
      ...put('a', 'x'),
      addTo: [{ set: 's', member: 'm' }],
      append: [1, 2].map((n) => ({ log: 'l', dedupeId: `${n}`, value: Buffer.from(`${n}`) })),
      trim: [{ log: 'l', upTo: 1n }],
    });
    const before = await dump(first);
    await first.close();
    const second = await open();
    expect(await dump(second)).toEqual(before);
    const entry = { log: 'l', dedupeId: '3', value: Buffer.alloc(0) };
    expect(await second.commit(at, { append: [entry] })).toMatchObject({ ok: true, sequences: [3n] });
  });

  it('is one in which LMDB flushes each commit before it resolves', async () => {
    await open();
    const { value } = jest.mocked(lmdb.open).mock.results.at(-1) as { value: { env: { address: number } } };
    const flags = nativeAddon.getEnvFlags(value.env.address);
    expect(Object.entries(UNFLUSHED).filter(([, flag]) => (flags & flag) !== 0)).toEqual([]);
  });

  it('is missed by ping when it is gone', async () => {
    const store = await open();
    await store.ping();
    await rm(directory, { recursive: true });
    await expect(store.ping()).rejects.toMatchObject(unavailable);
  });

  it('is refused where it is a file', async () => {
    const file = join(directory, 'file');
    await writeFile(file, '');
    await expect(EmbeddedStore.open(file, { clock: systemClock })).rejects.toMatchObject(unavailable);
  });

  it('is refused where its data are none', async () => {
    await writeFile(join(directory, 'data.mdb'), Buffer.alloc(16_384, 'no database'));
    await expect(open()).rejects.toMatchObject(unavailable);
  });

  it('loses what has expired, with the commits that follow and with its sweep', async () => {
    const clock = new FakeClock();
    const store = await open(clock);
    const count = async () => (await store.entries()).length;
    for (let n = 0; n < 100; n++) await store.commit(at, put(`n${n}`, 'x', 'absent', clock.now() + 1_000 + n));
    await store.commit(at, put('stays', 'x'));
    expect(await count()).toBe(201);
    clock.advance(1_000);
    expect(await store.sweep()).toBe(1);
    expect(await count()).toBe(199);
    clock.advance(1_000);
    await store.commit(at, put('another', 'x'));
    expect(await count()).toBe(200 - 2 * 32);
    expect(await store.sweep()).toBe(99 - 32);
    expect(await count()).toBe(2);
    expect(await store.sweep()).toBe(0);
  });

  it('is swept by itself', async () => {
    const clock = new FakeClock();
    const store = await open(clock, 10);
    await store.commit(at, put('a', 'x', 'absent', clock.now() + 1_000));
    clock.advance(1_000);
    await eventually(async () => expect(await store.entries()).toEqual([]));
  });

  it('sweeps a record no earlier than its last expiry', async () => {
    const clock = new FakeClock();
    const store = await open(clock);
    await store.commit(at, put('a', 'x', 'absent', clock.now() + 1_000));
    await store.commit(at, put('a', 'y', 1n, clock.now() + 9_000));
    clock.advance(5_000);
    await store.sweep();
    expect((await store.read(at, ['a'])).get('a')?.revision).toBe(2n);
    expect(await store.entries()).toHaveLength(2);
  });

  it('answers for a full or read-only disk that it cannot serve, and has changed nothing', async () => {
    const store = await open();
    await store.commit(at, put('a', 'x'));
    const before = await dump(store);
    const failing = new Error('MDB_MAP_FULL');
    // LMDB grows its map as it needs: what it does when that fails is played here, in the middle of a commit
    const broken = { ...put('b', 'x'), addTo: [{ set: 's', get member(): string { return fail(); } }] }; // prettier-ignore
    let reads = 0;
    const fail = () => {
      // the first look is that of the checks
      if (reads++ < 1) return 'm';
      throw failing;
    };
    await expect(store.commit(at, broken)).rejects.toMatchObject({ ...unavailable, cause: failing });
    expect(await dump(store)).toEqual(before);
    expect((await store.commit(at, put('b', 'x'))).ok).toBe(true);
  });
});
