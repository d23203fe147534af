import { CpnsError } from '@cpns/core';
import type { Aggregate, Commit, CommitResult, Store } from '@cpns/store';

/** When the process dies: at which commit, counted from 1, and whether that one still became durable. */
export interface Death {
  readonly at: number;
  readonly durable: boolean;
}

/**
 * A store of a process that dies at one of its commits. Its reads fail from then on as well, unlike those of `failingStore`
 * in `@cpns/store/testing`: an outbox that could still be read would go on asking CSKMF.
 */
export class MortalStore implements Store {
  /** Commits that were asked for. */
  commits = 0;
  dead = false;

  constructor(
    private readonly store: Store,
    private readonly death: Death,
  ) {}

  #alive(): Store {
    if (this.dead) throw new CpnsError('DEPENDENCY_UNAVAILABLE', 'the process is dead');
    return this.store;
  }

  async commit(aggregate: Aggregate, commit: Commit): Promise<CommitResult> {
    const store = this.#alive();
    this.commits += 1;
    if (this.commits !== this.death.at) return store.commit(aggregate, commit);
    this.dead = true;
    if (this.death.durable) await this.store.commit(aggregate, commit);
    return this.commit(aggregate, commit);
  }

  read: Store['read'] = async (...args) => this.#alive().read(...args);
  members: Store['members'] = async (...args) => this.#alive().members(...args);
  isMember: Store['isMember'] = async (...args) => this.#alive().isMember(...args);
  readLog: Store['readLog'] = async (...args) => this.#alive().readLog(...args);
  watch: Store['watch'] = async (...args) => this.#alive().watch(...args);
  list: Store['list'] = async (...args) => this.#alive().list(...args);
  ping: Store['ping'] = async () => this.#alive().ping();
  // the store itself is its owner's
  close: Store['close'] = () => Promise.resolve();
}
