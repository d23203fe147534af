import { CpnsError } from '@cpns/core';
import type { Aggregate, Commit, CommitResult, Store } from '../port';

/** At which commit the process ends, and whether the store has that one. */
export interface Failure {
  /** 1 for the first. */
  readonly at: number;
  readonly when: 'before' | 'after';
  /** Whether its reads fail from then on as well: an outbox that could still be read would go on with its work. */
  readonly reads?: boolean;
}

/** A store of a process that is killed at one of its commits, or of one whose database is away. */
export class FailingStore implements Store {
  /** Commits that were asked for. */
  commits = 0;
  /** The database does not answer. */
  isAway = false;
  #isKilled = false;

  constructor(
    private readonly store: Store,
    private readonly failure?: Failure,
  ) {}

  /** Whether the process was killed. */
  get isKilled(): boolean {
    return this.#isKilled;
  }

  async commit(aggregate: Aggregate, change: Commit): Promise<CommitResult> {
    if (this.isAway || this.#isKilled) throw gone();
    this.commits += 1;
    if (this.commits !== this.failure?.at) return this.store.commit(aggregate, change);
    this.#isKilled = true;
    if (this.failure.when === 'after') await this.store.commit(aggregate, change);
    throw gone();
  }

  read: Store['read'] = async (...args) => this.#readable().read(...args);
  members: Store['members'] = async (...args) => this.#readable().members(...args);
  isMember: Store['isMember'] = async (...args) => this.#readable().isMember(...args);
  readLog: Store['readLog'] = async (...args) => this.#readable().readLog(...args);
  watch: Store['watch'] = async (...args) => this.#readable().watch(...args);
  list: Store['list'] = async (...args) => this.#readable().list(...args);
  incarnation: Store['incarnation'] = async () => this.#readable().incarnation();
  ping: Store['ping'] = async () => this.#readable().ping();
  /** The store itself is closed by its owner. */
  close: Store['close'] = () => Promise.resolve();

  #readable(): Store {
    if (this.isAway || (this.#isKilled && this.failure?.reads === true)) throw gone();
    return this.store;
  }
}

const gone = () => new CpnsError('DEPENDENCY_UNAVAILABLE', 'the store does not answer');

/** The store of a process that is killed at one of its commits. */
export const failingStore = (store: Store, failure: Failure): FailingStore => new FailingStore(store, failure);

/** Before and after each of so many commits. */
export const deathsAt = (commits: number): Failure[] =>
  Array.from({ length: commits }, (_, index) => index + 1).flatMap((at): Failure[] => [
    { at, when: 'before' },
    { at, when: 'after' },
  ]);

/** The same store with another way to commit. */
export const wrappedStore = (store: Store, commit: Store['commit']): Store =>
  Object.assign(new FailingStore(store), { commit });
