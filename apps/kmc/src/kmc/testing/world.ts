import { CpnsError } from '@cpns/core';
import { FakeClock, SeededRandom } from '@cpns/core/testing';
import { testProcess } from '@cpns/platform/testing';
import { openStore, type Store } from '@cpns/store';
import { rawDump, startRedis, temporaryStore } from '@cpns/store/testing';
import type { TestingModule } from '@nestjs/testing';
import { KmcController } from '../kmc.controller';
import { KmcModule } from '../kmc.module';

export const KMC = 'cpns://td.example/service/kmc';
export const SERVER = 'cpns://td.example/service/cpns-server';

/** 16 bytes, another for each number. */
export const requestId = (number: number): Buffer => {
  const id = Buffer.alloc(16, 0xa5);
  id.writeUInt32BE(number);
  return id;
};

/** `CODE/REASON` of a refusal, or what came instead. */
export const reasonOf = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'accepted',
    (error: unknown) => (error instanceof CpnsError ? `${error.code}/${error.reason}` : error),
  );

/** The RPCs of one process; what one throws at once is a refusal like any other. */
export class Kmc {
  readonly #rpc: KmcController;

  constructor(readonly module: TestingModule) {
    this.#rpc = module.get(KmcController);
  }

  create = async (groupId: string, request: number) =>
    (await this.#rpc.createKey({ groupId, requestId: requestId(request) })).version;
  createVersion = async (groupId: string, previous: bigint, request: number) =>
    (await this.#rpc.createKeyVersion({ groupId, previous, requestId: requestId(request) })).version;
  get = async (groupId: string, version: bigint) => (await this.#rpc.getKeyVersion({ groupId, version })).version;
  destroyVersion = async (groupId: string, version: bigint) => this.#rpc.destroyKeyVersion({ groupId, version });
  destroy = async (groupId: string) => this.#rpc.destroyKey({ groupId });
}

export interface World {
  readonly kmc: Kmc;
  readonly store: Store;
  readonly clock: FakeClock;
  /** Another process over the same records, with what a test does to its store. */
  process(wrap?: (store: Store) => Store): Promise<Kmc>;
  /** Every byte that the store holds, as its users can see it. */
  raw(): Promise<Buffer>;
  dispose(): Promise<void>;
}

export const STORES = ['embedded', 'redis'] as const;

export async function openWorld(kind: (typeof STORES)[number] = 'embedded'): Promise<World> {
  const clock = new FakeClock(Date.now());
  const { store, dispose } = kind === 'embedded' ? await temporaryStore(clock) : await redisStore();
  let processes = 0;
  const open = async (over: Store): Promise<Kmc> => {
    const random = new SeededRandom(`process ${processes++}`);
    return new Kmc(await testProcess({ name: 'kmc', uri: KMC, store: over, modules: [KmcModule], clock, random }));
  };
  return {
    kmc: await open(store),
    store,
    clock,
    process: (wrap = (same) => same) => open(wrap(store)),
    raw: async () => Buffer.concat((await rawDump(store)).flatMap(({ key, value }) => [key, value])),
    dispose,
  };
}

async function redisStore(): Promise<{ store: Store; dispose: () => Promise<void> }> {
  const redis = await startRedis();
  const store = await openStore(redis.url);
  return {
    store,
    dispose: async () => {
      await store.close();
      await redis.stop();
    },
  };
}
