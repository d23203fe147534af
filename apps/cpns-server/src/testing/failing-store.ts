import { CpnsError } from '@cpns/core';
import type { Aggregate, Commit, CommitResult, Store } from '@cpns/store';

/** At which commit the process ends, and whether the store has that one. */
export interface Failure {
  /** 1 for the first. */
  readonly at: number;
  readonly when: 'before' | 'after';
}

/** What a killed process does to its store: from one commit on nothing is heard of it any more. */
export class FailingStore implements Store {
  commits = 0;

  constructor(
    private readonly store: Store,
    private readonly failure: Failure = { at: Infinity, when: 'before' },
  ) {}

  async commit(aggregate: Aggregate, change: Commit): Promise<CommitResult> {
    const { at, when } = this.failure;
    this.commits += 1;
    if (this.commits > at || (this.commits === at && when === 'before')) throw killed();
    const result = await this.store.commit(aggregate, change);
    if (this.commits === at) throw killed();
    return result;
  }

  read: Store['read'] = (aggregate, names) => this.store.read(aggregate, names);
  members: Store['members'] = (aggregate, set, cursor, limit) => this.store.members(aggregate, set, cursor, limit);
  isMember: Store['isMember'] = (aggregate, set, member) => this.store.isMember(aggregate, set, member);
  readLog: Store['readLog'] = (aggregate, log, after, limit) => this.store.readLog(aggregate, log, after, limit);
  watch: Store['watch'] = (aggregate, log, wake, signal) => this.store.watch(aggregate, log, wake, signal);
  list: Store['list'] = (kind, cursor, limit) => this.store.list(kind, cursor, limit);
  ping: Store['ping'] = () => this.store.ping();
  close: Store['close'] = () => this.store.close();
}

const killed = () => new CpnsError('DEPENDENCY_UNAVAILABLE', 'the process was killed');
