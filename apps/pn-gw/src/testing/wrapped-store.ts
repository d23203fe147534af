import type { Store } from '@cpns/store';
import { failingStore } from '@cpns/store/testing';

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

/** The store of a process that is killed before a commit, counted from 1. */
export function killedAt(store: Store, at: number) {
  const failing = failingStore(store, { at, when: 'before' });
  let commits = 0;
  const killed = wrappedStore(failing, (aggregate, change) => {
    commits += 1;
    return failing.commit(aggregate, change);
  });
  return { store: killed, wasKilled: () => commits >= at };
}
