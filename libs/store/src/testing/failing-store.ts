import { CpnsError } from '@cpns/core';
import type { Aggregate, Commit, CommitResult, Store } from '../port';

/** At which commit the process ends, and whether the store has that one. */
export interface Failure {
  /** 1 for the first. */
  readonly at: number;
  readonly when: 'before' | 'after';
}

/** What a killed process does to its store: from one commit on nothing is heard of it any more. */
export function failingStore(store: Store, { at, when }: Failure): Store {
  let commits = 0;
  const gone = () => new CpnsError('DEPENDENCY_UNAVAILABLE', 'the process was killed');
  const commit = async (aggregate: Aggregate, change: Commit): Promise<CommitResult> => {
    commits += 1;
    if (commits > at || (commits === at && when === 'before')) throw gone();
    const result = await store.commit(aggregate, change);
    if (commits === at) throw gone();
    return result;
  };
  return {
    read: (aggregate, names) => store.read(aggregate, names),
    members: (aggregate, set, cursor, limit) => store.members(aggregate, set, cursor, limit),
    isMember: (aggregate, set, member) => store.isMember(aggregate, set, member),
    readLog: (aggregate, log, after, limit) => store.readLog(aggregate, log, after, limit),
    watch: (aggregate, log, wake, signal) => store.watch(aggregate, log, wake, signal),
    list: (kind, cursor, limit) => store.list(kind, cursor, limit),
    commit,
    ping: () => store.ping(),
    close: () => store.close(),
  };
}
