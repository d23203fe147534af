import { randomBytes } from 'node:crypto';
import { STORE_LIMITS } from './limits';

/** Of a new entry, 16 random bytes. */
export const newEntryId = (): Buffer => randomBytes(STORE_LIMITS.entryIdBytes);

/** Of an entry from before there were ids, by its sequence; commit.lua makes it likewise. */
export const oldEntryId = (sequence: bigint): Buffer =>
  Buffer.from(String(sequence).padStart(STORE_LIMITS.entryIdBytes, '0'), 'latin1');
