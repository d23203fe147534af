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

/** The clock of all handles. */
export const clock = new FakeClock();
/** The first handle of the store under test. */
export let store: Store;
/** A second handle of the same store, as another process has it. */
export let other: Store;
/** Fresh in each case. */
export let at: Aggregate;

/**
 * Registers cases that every adapter of the Store port passes, none of them optional: what they say is the meaning of the
 * port. A Redis Cluster is among the adapters where ALL_SUITES is `true`.
 * @param register is given what opens one more handle, closed after the cases
 */
export function eachStore(register: (open: () => Promise<Store>) => void): void {
  // a busy machine is slow, and none of the cases is about speed
  jest.setTimeout(30_000);
  describe.each(Object.entries(SUBJECTS))('the Store contract, %s', (_name, begin) => {
    let subject: Subject;
    const opened: Store[] = [];
    const open = async () => {
      const handle = await openStore(subject.url, { clock });
      opened.push(handle);
      return handle;
    };
    beforeAll(async () => {
      subject = await begin();
      [store, other] = [await open(), await open()];
    });
    beforeEach(() => {
      at = fresh();
    });
    afterAll(async () => {
      await Promise.all(opened.map((handle) => handle.close()));
      await subject.stop();
    });
    register(open);
  });
}

/** An aggregate that nothing was done with yet. */
export const fresh = (kind = 'thing'): Aggregate => ({ kind, id: randomUUID() });

export const bytes = (text: string): Buffer => Buffer.from(text, 'utf8');

/** Parts of a commit: revisions that it expects, values that it puts, members that it adds or removes. */
export const expecting = (revisions: Readonly<Record<string, bigint | 'absent'>>) =>
  Object.entries(revisions).map(([name, revision]) => ({ name, revision }));
export const putting = (values: Readonly<Record<string, string>>) =>
  Object.entries(values).map(([name, value]) => ({ name, value: bytes(value) }));
export const inSet = (set: string, ...members: string[]) => members.map((member) => ({ set, member }));

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
  () => store.incarnation(),
  () => store.ping(),
];

/** The commit's outcome where it has to be none of a conflict. */
export function committed(result: CommitResult): Extract<CommitResult, { ok: true }> {
  if (!result.ok) throw new Error(`the commit met a conflict on ${result.conflict}`);
  return result;
}
