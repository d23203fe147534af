import { openStore, type Store } from '@cpns/store';
import { open } from 'lmdb';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const EMBEDDED = 'embedded:';

/**
 * Looks into the store of a process that may be running. An embedded store may only be open in its owner: what is opened
 * is a copy as of one moment, which LMDB makes while the owner goes on, and what is written to it is lost. A Redis is
 * opened as it is.
 * @param storeUrl for `openStore`; an empty store is seen where nothing was ever stored
 * @param under where the copy is made, for as long as the look lasts
 */
export async function lookIntoStore<T>(
  storeUrl: string,
  look: (store: Store) => Promise<T>,
  under = tmpdir(),
): Promise<T> {
  if (!storeUrl.startsWith(EMBEDDED)) return useStore(storeUrl, look);
  const copy = await mkdtemp(join(under, 'cpns-store-copy-'));
  try {
    await copyStore(storeUrl.slice(EMBEDDED.length), copy);
    return await useStore(`${EMBEDDED}${copy}`, look);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

async function useStore<T>(url: string, use: (store: Store) => Promise<T>): Promise<T> {
  const store = await openStore(url);
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

async function copyStore(from: string, to: string): Promise<void> {
  if (!existsSync(join(from, 'data.mdb'))) return;
  const owned = open({ path: from, noSubdir: false, readOnly: true });
  try {
    await owned.backup(to, false);
  } finally {
    await owned.close();
  }
}
