import { randomUUID } from 'node:crypto';
import { FakeClock } from '@cpns/core/testing';
import type { Aggregate, Commit, CommitResult, Store } from '../port';
import { openStore } from '../open-store';
import { startRedis, startRedisCluster } from './start-redis';
import { temporaryStore } from './temporary-store';

interface Subject {
  /** For `openStore`. */
  readonly url: string;
  readonly stop: () => Promise<void>;
}

const SUBJECTS: Readonly<Record<string, () => Promise<Subject>>> = {
  embedded: async () => {
    const { url, dispose } = await temporaryStore();
    return { url, stop: dispose };
  },
  redis: startRedis,
  ...(process.env.ALL_SUITES === 'true' && { 'redis cluster': startRedisCluster }),
};

/** A store as a case of the contract sees it. */
export class Fixture {
  readonly #opened: Store[] = [];
  #subject: Subject | undefined;
  /** The clock of all handles. */
  readonly clock = new FakeClock();

  /** The first handle. */
  get store(): Store {
    return this.#opened[0]!;
  }

  /** A second handle of the same store, as another process has it. */
  get other(): Store {
    return this.#opened[1]!;
  }

  /** One more handle, closed after the cases. */
  async open(): Promise<Store> {
    const store = await openStore(this.#subject!.url, { clock: this.clock });
    this.#opened.push(store);
    return store;
  }

  async start(begin: () => Promise<Subject>): Promise<void> {
    this.#subject = await begin();
    await this.open();
    await this.open();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#opened.map((store) => store.close()));
    await this.#subject?.stop();
  }
}

/**
 * Registers cases that every adapter of the Store port passes, none of them optional: what they say is the meaning of the
 * port. A Redis Cluster is among the adapters where ALL_SUITES is `true`.
 */
export function eachStore(register: (fixture: Fixture) => void): void {
  // a busy machine is slow, and none of the cases is about speed
  jest.setTimeout(30_000);
  describe.each(Object.entries(SUBJECTS))('the Store contract, %s', (_name, begin) => {
    const fixture = new Fixture();
    beforeAll(() => fixture.start(begin));
    afterAll(() => fixture.stop());
    register(fixture);
  });
}

/** An aggregate that nothing was done with yet. */
export const fresh = (kind = 'thing'): Aggregate => ({ kind, id: randomUUID() });

export const bytes = (text: string): Buffer => Buffer.from(text, 'utf8');

/** A commit that puts one record where there is the revision, or none. */
export const put = (
  name: string,
  value: string | Buffer,
  revision: bigint | 'absent' = 'absent',
  expiresAt?: number,
): Commit => ({
  expect: [{ name, revision }],
  put: [{ name, value: Buffer.from(value), ...(expiresAt !== undefined && { expiresAt }) }],
});

/** A call of each method to which the database has to answer. */
export const everyCall = (store: Store, at: Aggregate): (() => Promise<unknown>)[] => [
  () => store.read(at, ['a']),
  () => store.members(at, 's', undefined, 1),
  () => store.isMember(at, 's', 'm'),
  () => store.readLog(at, 'l', 0n, 1),
  () => store.list('k', undefined, 1),
  () => store.commit(at, { addTo: [{ set: 's', member: 'm' }] }),
  () => store.ping(),
];

/** The commit's outcome where it has to be none of a conflict. */
export function committed(result: CommitResult): Extract<CommitResult, { ok: true }> {
  if (!result.ok) throw new Error(`the commit met a conflict on ${result.conflict}`);
  return result;
}
