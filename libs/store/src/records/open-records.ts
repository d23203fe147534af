import { FileMasterKey } from '../sealing/file-master-key';
import { Sealer } from '../sealing/sealer';
import type { Store } from '../port';
import { Records } from './records';

export interface RecordsOptions {
  readonly store: Store;
  /** Bound into all that is sealed: the service's name, or an entity's E. */
  readonly service: string;
  /** A file of 32 bytes, readable by its owner only. */
  readonly masterKeyFile: string;
}

/**
 * The records of a service, under a master key in a file.
 * @throws CpnsError CONFIGURATION_INVALID for the file; STORED_RECORD_INVALID when it is another store's master key;
 *   DEPENDENCY_UNAVAILABLE
 */
export async function openRecords({ store, service, masterKeyFile }: RecordsOptions): Promise<Records> {
  const masterKey = await FileMasterKey.load(masterKeyFile);
  return new Records(store, await Sealer.open({ store, service, masterKey }));
}
