import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@cpns/core';
import { openStore } from '../open-store';
import type { Store } from '../port';
import { RedisStore } from '../redis/redis-store';
import { startRedis } from './start-redis';

export interface RewindableStore {
  readonly store: Store;
  /** From here on commits may be lost. */
  readonly mark: () => Promise<void>;
  /** Loses what was committed since the mark, as a fail-over or a restored copy does. */
  readonly rewind: () => Promise<void>;
  readonly dispose: () => Promise<void>;
}

/** What makes the next copy of a store, by its number, and gives the URL of it. */
interface Copies {
  readonly first: string;
  readonly copy: (from: Store, number: number) => Promise<string>;
  readonly dispose: () => Promise<void>;
}

async function directories(): Promise<Copies> {
  const root = await mkdtemp(join(tmpdir(), 'cpns-store-'));
  const directory = (number: number) => join(root, String(number));
  return {
    first: `embedded:${directory(0)}`,
    copy: async (_, number) => {
      await cp(directory(number - 1), directory(number), { recursive: true });
      return `embedded:${directory(number)}`;
    },
    dispose: () => rm(root, { recursive: true, force: true }),
  };
}

async function databases(): Promise<Copies> {
  const { url, stop } = await startRedis();
  return {
    first: url,
    copy: async (from, number) => {
      if (!(from instanceof RedisStore)) throw new TypeError('this is no store in Redis');
      for (const key of await from.use((client) => client.keys(from.keys.all)))
        await from.use((client) => client.call('COPY', key, key, 'DB', number));
      return `${url}/${number}`;
    },
    dispose: stop,
  };
}

/** A store that can lose its last commits. @param kind which adapter */
export async function rewindableStore(kind: 'embedded' | 'redis'): Promise<RewindableStore> {
  const { first, copy, dispose } = await (kind === 'redis' ? databases() : directories());
  const opened = [await openStore(first, { clock: systemClock })];
  const present = () => opened.at(-1)!;
  let marked = first;
  return {
    store: new Proxy<Store>(present(), {
      get: (_, name: keyof Store) => (present()[name] as (...args: unknown[]) => unknown).bind(present()),
    }),
    mark: async () => {
      marked = await copy(present(), opened.length);
    },
    rewind: async () => {
      opened.push(await openStore(marked, { clock: systemClock }));
    },
    dispose: async () => {
      await Promise.all(opened.map((each) => each.close()));
      await dispose();
    },
  };
}
