import { CpnsError } from '@cpns/core';
import type { Store } from '@cpns/store';

/** The same store with another way to commit. */
export const wrappedStore = (store: Store, commit: Store['commit']): Store => ({
  read: (aggregate, names) => store.read(aggregate, names),
  members: (aggregate, set, cursor, limit) => store.members(aggregate, set, cursor, limit),
  isMember: (aggregate, set, member) => store.isMember(aggregate, set, member),
  readLog: (aggregate, log, after, limit) => store.readLog(aggregate, log, after, limit),
  watch: (aggregate, log, wake, signal) => store.watch(aggregate, log, wake, signal),
  list: (kind, cursor, limit) => store.list(kind, cursor, limit),
  ping: () => store.ping(),
  close: () => store.close(),
  commit,
});

/** What a killed process does to its store: from a commit on, counted from 1, nothing is heard of it any more. */
export function killedAt(store: Store, at: number) {
  let commits = 0;
  const killed = wrappedStore(store, (aggregate, change) => {
    commits += 1;
    if (commits < at) return store.commit(aggregate, change);
    return Promise.reject(new CpnsError('DEPENDENCY_UNAVAILABLE', 'the process was killed'));
  });
  return { store: killed, wasKilled: () => commits >= at };
}
