import { createCipheriv, createDecipheriv } from 'node:crypto';
import { DataKey, MasterKey } from '@cpns/core';
import { SeededRandom } from '@cpns/core/testing';
import type { Store } from '../port';
import { invalidRecord } from '../sealing/formulas';
import type { MasterKeyProvider } from '../sealing/master-key';
import { Records } from '../records/records';
import { Sealer } from '../sealing/sealer';

/** A master key in memory that is the same in every run for the same seed: for tests only. */
export class FakeMasterKey implements MasterKeyProvider {
  readonly #key: MasterKey;
  /** How often it was asked to unwrap. */
  unwraps = 0;

  constructor(seed = 'master key') {
    this.#key = new MasterKey(new SeededRandom(seed).bytes(32));
  }

  wrap(key: DataKey): Promise<Buffer> {
    const cipher = createCipheriv('id-aes256-wrap', this.#key.expose(), Buffer.alloc(8, 0xa6));
    return Promise.resolve(Buffer.concat([cipher.update(key.expose()), cipher.final()]));
  }

  unwrap(wrapped: Uint8Array): Promise<DataKey> {
    this.unwraps++;
    const decipher = createDecipheriv('id-aes256-wrap', this.#key.expose(), Buffer.alloc(8, 0xa6));
    try {
      return Promise.resolve(new DataKey(Buffer.concat([decipher.update(wrapped), decipher.final()])));
    } catch (cause) {
      return Promise.reject(invalidRecord('data key', 'was wrapped by another master key', cause));
    }
  }
}

/** As a process has them that begins on this store, under the same master key as every other. */
export async function recordsOn(store: Store, service = 'test'): Promise<Records> {
  return new Records(store, await Sealer.open({ store, service, masterKey: new FakeMasterKey() }));
}
