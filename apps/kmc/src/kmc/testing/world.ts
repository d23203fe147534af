import { FakeClock, SeededRandom, type Opened } from '@cpns/core/testing';
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

/** The RPCs of one process; what one throws at once is a refusal like any other. */
export class Kmc {
  readonly rpc: KmcController;

  constructor(readonly module: TestingModule) {
    this.rpc = module.get(KmcController);
  }

  create = async (groupId: string, request: number) =>
    (await this.rpc.createKey({ groupId, requestId: requestId(request) })).version;
  createVersion = async (groupId: string, previous: bigint, request: number) =>
    (await this.rpc.createKeyVersion({ groupId, previous, requestId: requestId(request) })).version;
  get = async (groupId: string, version: bigint) => (await this.rpc.getKeyVersion({ groupId, version })).version;
  destroyVersion = async (groupId: string, version: bigint) => this.rpc.destroyKeyVersion({ groupId, version });
  destroy = async (groupId: string) => this.rpc.destroyKey({ groupId });
}

export const STORES = ['embedded', 'redis'] as const;

export class World implements Opened {
  readonly clock = new FakeClock(Date.now());
  store!: Store;
  /** Its first process. */
  kmc!: Kmc;
  close!: () => Promise<void>;
  #processes = 0;

  constructor(private readonly kind: (typeof STORES)[number] = 'embedded') {}

  async open(): Promise<void> {
    if (this.kind === 'embedded') ({ store: this.store, dispose: this.close } = await temporaryStore(this.clock));
    else {
      const redis = await startRedis();
      this.store = await openStore(redis.url);
      this.close = () => this.store.close().then(() => redis.stop());
    }
    this.kmc = await this.process();
  }

  /** Another process over the same records, with what a test does to its store. */
  async process(wrap: (store: Store) => Store = (same) => same): Promise<Kmc> {
    const random = new SeededRandom(`process ${this.#processes++}`);
    const { clock } = this;
    const store = wrap(this.store);
    return new Kmc(await testProcess({ name: 'kmc', uri: KMC, store, modules: [KmcModule], clock, random }));
  }

  /** Every byte that the store holds, as its users can see it. */
  async raw(): Promise<Buffer> {
    return Buffer.concat((await rawDump(this.store)).flatMap(({ key, value }) => [key, value]));
  }
}
