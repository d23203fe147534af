/**
 * One process per directory. LMDB means to allow several, but the library's way of opening an environment sets the number
 * of the newest transaction from what it read without a lock. Where another process commits at that moment, that number
 * goes back, a later transaction takes one that was given before, and pages in use are written over. Tried: among tens of
 * thousands of commits beside a process that opened the same directory now and then, some never ended, and some ended the
 * process. So the directory is locked before the library opens it; the system lets the lock go when its owner dies.
 */
import { unavailable } from '@cpns/core';
import { tryLock } from 'fs-native-extensions';
import { open as openFile, type FileHandle } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const LOCK_FILE = 'owner.lock';
/** How long the owner before is waited for as it ends, milliseconds. */
const PATIENCE = 2_000;
const POLL = 25;

interface Owned {
  readonly lock: Promise<FileHandle>;
  /** Handles of this process on the directory, which share the environment. */
  openings: number;
}

/** By real path. */
const owned = new Map<string, Owned>();

/**
 * Makes this process the one that may open the directory.
 * @param directory real path, exists
 * @returns ends that, when it was called for each opening
 * @throws CpnsError DEPENDENCY_UNAVAILABLE when another process has it for longer than 2 s; Error where no file can be made
 */
export async function takeOwnership(directory: string): Promise<() => Promise<void>> {
  const known = owned.get(directory);
  const entry = known ?? { lock: lockOf(directory), openings: 0 };
  entry.openings += 1;
  owned.set(directory, entry);
  const release = async () => {
    entry.openings -= 1;
    if (entry.openings > 0) return;
    if (owned.get(directory) === entry) owned.delete(directory);
    await (await entry.lock).close();
  };
  try {
    await entry.lock;
  } catch (error) {
    // no process owns it by this entry, and the next one tries anew
    if (owned.get(directory) === entry) owned.delete(directory);
    throw error;
  }
  return release;
}

async function lockOf(directory: string): Promise<FileHandle> {
  const file = await openFile(joinPath(directory, LOCK_FILE), 'a+', 0o600);
  try {
    for (const until = Date.now() + PATIENCE; !tryLock(file.fd); await sleep(POLL))
      if (Date.now() > until)
        throw unavailable(
          'DEPENDENCY_UNAVAILABLE',
          'another process has this store open; an embedded store has one owner',
        );
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}
