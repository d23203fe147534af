import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, type Clock } from '@cpns/core';
import { EmbeddedStore } from '../embedded/embedded-store';

export interface TemporaryStore {
  readonly store: EmbeddedStore;
  readonly directory: string;
  /** For `openStore`: a second handle of the same store. */
  readonly url: string;
  /** Closes the store and removes it. */
  readonly dispose: () => Promise<void>;
}

/** A store for one test, in a directory of its own: the embedded adapter itself, so that there is no fake to be wrong. */
export async function temporaryStore(clock: Clock = systemClock): Promise<TemporaryStore> {
  const directory = await mkdtemp(join(tmpdir(), 'cpns-store-'));
  const store = await EmbeddedStore.open(directory, { clock });
  return {
    store,
    directory,
    url: `embedded:${directory}`,
    dispose: async () => {
      await store.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
