import { openStore, type Store } from '@cpns/store';
import { copyFile, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isErrno } from './faults/errno';

const EMBEDDED = 'embedded:';
const DATA_FILE = 'data.mdb';

/** Both meta pages, of pages of up to 8 KiB; they are of 4 KiB here. */
const HEAD_BYTES = 16_384;
const ATTEMPTS = 50;
const PAUSE_MS = 10;

/**
 * Looks into the store of a process that may be running. An embedded store may only be open in its owner: what is opened
 * is a copy, and what is written to it is lost. A Redis is opened as it is.
 *
 * The owner may commit while its file is copied. LMDB writes the pages of a commit to places that the last commit does
 * not use, and then the meta page that makes them count: one of the first two pages of the file. Where both were the same
 * before and after, no commit ended meanwhile, and the copy is as of one moment.
 * @param storeUrl for `openStore`; an empty store is seen where nothing was ever stored
 * @param under where the copy is made, for as long as the look lasts
 * @throws Error when a commit ended during each of 50 attempts to copy
 */
export async function lookIntoStore<T>(
  storeUrl: string,
  look: (store: Store) => Promise<T>,
  under = tmpdir(),
): Promise<T> {
  if (!storeUrl.startsWith(EMBEDDED)) return useStore(storeUrl, look);
  const copy = await mkdtemp(join(under, 'cpns-store-copy-'));
  try {
    await copyAsOfOneMoment(join(storeUrl.slice(EMBEDDED.length), DATA_FILE), join(copy, DATA_FILE));
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

async function copyAsOfOneMoment(from: string, to: string): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const before = await headOf(from);
    if (before === undefined) return;
    await copyFile(from, to);
    const after = await headOf(from);
    if (after?.equals(before)) return;
    await sleep(PAUSE_MS);
  }
  throw new Error(`${from} cannot be copied: a commit ended during each of ${ATTEMPTS} attempts`);
}

/** @returns undefined where there is no file */
async function headOf(path: string): Promise<Buffer | undefined> {
  try {
    const file = await open(path, 'r');
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
