import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openStore, type Aggregate, type Store } from '@cpns/store';
import { dump, startRedis, temporaryStore, type TemporaryStore } from '@cpns/store/testing';
import { lookIntoStore } from './store-look';

const COUNTER: Aggregate = { kind: 'counter', id: 'one' };
/** The one in the middle is longer than a page of the file: the others are on pages of their own. */
const NAMES = ['first', 'middle', 'last'];
const LOOKS = 30;

/** Puts the same number into every record: the revision, which counts the commits. */
async function count(store: Store, number: number): Promise<void> {
  const revision = number === 1 ? 'absent' : BigInt(number - 1);
  const value = (name: string) => Buffer.from(`${number}`.padStart(name === 'middle' ? 6_000 : 10));
  const result = await store.commit(COUNTER, {
    expect: NAMES.map((name) => ({ name, revision })),
    put: NAMES.map((name) => ({ name, value: value(name) })),
  });
  expect(result.ok).toBe(true);
}

const numbersIn = async (store: Store): Promise<number[]> =>
  [...(await store.read(COUNTER, NAMES)).values()].flatMap(({ value, revision }) => [
    Number(value.toString()),
    Number(revision),
  ]);

jest.setTimeout(60_000);

describe('lookIntoStore', () => {
  let owned: TemporaryStore;
  let under: string;
  beforeEach(async () => {
    owned = await temporaryStore();
    under = mkdtempSync(join(tmpdir(), 'cpns-looks-'));
  });
  afterEach(async () => {
    await owned.dispose();
    rmSync(under, { recursive: true });
  });

  it('sees what was committed, each time anew', async () => {
    for (const number of [1, 2, 3]) {
      await count(owned.store, number);
      expect(await lookIntoStore(owned.url, dump, under)).toEqual(await dump(owned.store));
    }
  });

  it('leaves the store as it is', async () => {
    await count(owned.store, 1);
    await lookIntoStore(owned.url, (copy) => count(copy, 2), under);
    expect(await numbersIn(owned.store)).toEqual([1, 1, 1, 1, 1, 1]);
  });

  it('keeps its copy from others, and removes it even when the look fails', async () => {
    const failing = lookIntoStore(
      owned.url,
      () => {
        const [copy = ''] = readdirSync(under);
        expect(statSync(join(under, copy)).mode & 0o777).toBe(0o700);
        return Promise.reject(new Error('seen enough'));
      },
      under,
    );
    await expect(failing).rejects.toThrow('seen enough');
    expect(readdirSync(under)).toEqual([]);
  });

  it('sees an empty store where the owner never started, and makes nothing there', async () => {
    const directory = join(under, 'never-started');
    expect(await lookIntoStore(`embedded:${directory}`, dump)).toEqual({});
    expect(readdirSync(under)).toEqual([]);
  });

  it('sees one moment however much is committed', async () => {
    // large enough for many commits to end during one copy
    for (let id = 0; id < 16; id++)
      await owned.store.commit(
        { kind: 'ballast', id: `${id}` },
        { expect: [{ name: 'bytes', revision: 'absent' }], put: [{ name: 'bytes', value: Buffer.alloc(500_000) }] },
      );
    let number = 1;
    await count(owned.store, number);
    let looks = 0;
    const committing = (async () => {
      while (looks < LOOKS) {
        for (let burst = 0; burst < 30; burst++) await count(owned.store, ++number);
        await sleep(30);
      }
    })();
    let last = 0;
    for (; looks < LOOKS; looks++) {
      await sleep(20);
      const committed = number - 1;
      const seen = await lookIntoStore(owned.url, numbersIn, under);
      expect(new Set(seen).size).toBe(1);
      expect(seen[0]).toBeGreaterThanOrEqual(Math.max(last, committed));
      last = seen[0]!;
    }
    await committing;
    expect(last).toBeGreaterThan(100);
    expect(readdirSync(under)).toEqual([]);
  });

  it('opens a Redis as it is', async () => {
    const redis = await startRedis();
    const store = await openStore(redis.url);
    try {
      await count(store, 1);
      await lookIntoStore(redis.url, (same) => count(same, 2), under);
      expect(await numbersIn(store)).toEqual([2, 2, 2, 2, 2, 2]);
    } finally {
      await store.close();
      await redis.stop();
    }
  });
});
