import { randomUUID } from 'node:crypto';
import type { FakeClock } from '@cpns/core/testing';
import type { Clock } from '@cpns/core';
import type { Aggregate, CommitResult, Store } from '../port';

export interface ContractSubject {
  /** Prepares the store; called once before the cases. */
  start(): Promise<void>;
  /** Another handle of the store. */
  open(clock: Clock): Promise<Store>;
  /** Removes the store; called once after the cases, when all handles are closed. */
  stop(): Promise<void>;
}

export interface Fixture {
  /** The first handle. */
  readonly store: Store;
  /** A second handle of the same store, as another process has it. */
  readonly other: Store;
  /** The clock of both. */
  readonly clock: FakeClock;
  /** An aggregate that nothing was done with yet. */
  readonly fresh: (kind?: string) => Aggregate;
  /** Opens one more handle, closed after the cases. */
  readonly open: () => Promise<Store>;
}

/** Registers the hooks that open and close what the cases use. */
export function fixtureOf(subject: ContractSubject, clock: FakeClock): Fixture {
  const opened: Store[] = [];
  const open = async () => {
    const store = await subject.open(clock);
    opened.push(store);
    return store;
  };
  const handle = (index: number): Store => {
    const store = opened[index];
    if (!store) throw new Error('the store is opened before the cases, not while they are registered');
    return store;
  };
  beforeAll(async () => {
    await subject.start();
    await open();
    await open();
  });
  afterAll(async () => {
    await Promise.all(opened.map((store) => store.close()));
    await subject.stop();
  });
  return {
    get store() {
      return handle(0);
    },
    get other() {
      return handle(1);
    },
    clock,
    fresh: (kind = 'thing') => ({ kind, id: randomUUID() }),
    open,
  };
}

export const bytes = (text: string): Buffer => Buffer.from(text, 'utf8');

/** The commit's outcome where it has to be none of a conflict. */
export function committed(result: CommitResult): Extract<CommitResult, { ok: true }> {
  if (!result.ok) throw new Error(`the commit met a conflict on ${result.conflict}`);
  return result;
}

/** Resolves when the condition holds; fails after ten seconds. */
export async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 1_000; attempt++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('did not become true within 10 s');
}
