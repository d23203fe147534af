import { systemClock, systemRandom, type Clock, type Random } from '@cpns/core';
import type { Store } from '../port';
import { DataKeys } from './data-keys';
import { invalidRecord, openBytes, recordMac, recordMacKey, SALT_BYTES, sameMac, sealBytes } from './formulas';
import type { MasterKeyProvider } from './master-key';

export interface SealerOptions {
  /** Where the wrapped data keys are: the service's own store. */
  readonly store: Store;
  /** Name of the service, bound into everything: `cpns-server`, `kmc`, or a gateway's E. */
  readonly service: string;
  readonly masterKey: MasterKeyProvider;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** Where in the service's store. */
export interface Place {
  /** `<kind>/<id>/<name>`. */
  readonly record: string;
  /** The revision that the record has once it is stored. */
  readonly revision: bigint;
}

export interface FieldPlace extends Place {
  /** Not empty: that is the record's MAC. */
  readonly field: string;
}

/** Seals and authenticates what one service keeps, under its newest data key; opens what older ones sealed. */
export class Sealer {
  readonly #macKeys = new Map<string, Buffer>();

  private constructor(
    readonly service: string,
    private readonly keys: DataKeys,
    private readonly random: Random,
  ) {}

  /**
   * Loads the service's data keys, and makes the first where there is none.
   * @throws STORED_RECORD_INVALID when the master key is not the one that wrapped them
   */
  static async open(options: SealerOptions): Promise<Sealer> {
    const { clock = systemClock, random = systemRandom } = options;
    return new Sealer(options.service, await DataKeys.open({ ...options, clock, random }), random);
  }

  /** Id of the data key that {@link seal} and {@link mac} use now; has to be kept beside what they return. */
  get currentKeyId(): string {
    return this.keys.current;
  }

  /** A new data key for what is sealed from now on; what is there stays readable and is resealed when it is rewritten. */
  rotate(): Promise<string> {
    return this.keys.rotate();
  }

  /** Whether {@link ready} has nothing to do. */
  isReady(dataKeyId: string): boolean {
    return this.keys.find(dataKeyId) !== undefined;
  }

  /**
   * Loads the data keys that other processes of the service made.
   * @throws STORED_RECORD_INVALID when there is none of that id
   */
  async ready(dataKeyId: string, record: string): Promise<void> {
    if (this.keys.find(dataKeyId)) return;
    await this.keys.refresh();
    this.#key(dataKeyId, record);
  }

  /** Salt, ciphertext and tag: 32 bytes more than the plaintext. */
  seal(place: FieldPlace, plaintext: Uint8Array, dataKeyId = this.currentKeyId): Buffer {
    if (place.field === '') throw new RangeError('a sealed field has a name');
    const binding = { ...place, service: this.service, dataKeyId };
    return sealBytes(this.#key(dataKeyId, place.record), this.random.bytes(SALT_BYTES), binding, plaintext);
  }

  /** @throws STORED_RECORD_INVALID for anything that was not sealed for this very place */
  open(place: FieldPlace, sealed: Uint8Array, dataKeyId: string): Buffer {
    return openBytes(this.#key(dataKeyId, place.record), { ...place, service: this.service, dataKeyId }, sealed);
  }

  /** The record's MAC, 32 bytes. */
  mac(place: Place, value: Uint8Array, dataKeyId = this.currentKeyId): Buffer {
    let key = this.#macKeys.get(dataKeyId);
    if (!key) {
      key = recordMacKey(this.#key(dataKeyId, place.record), this.service);
      this.#macKeys.set(dataKeyId, key);
    }
    const { record, revision } = place;
    return recordMac(key, { record, revision, service: this.service, dataKeyId }, value);
  }

  /** @throws STORED_RECORD_INVALID when the MAC is not that of the value at this place */
  verify(place: Place, value: Uint8Array, mac: Uint8Array, dataKeyId: string): void {
    if (!sameMac(this.mac(place, value, dataKeyId), mac)) throw invalidRecord(place.record, 'the MAC does not verify');
  }

  #key(id: string, record: string) {
    const key = this.keys.find(id);
    if (!key) throw invalidRecord(record, 'names a data key that this service does not have');
    return key;
  }
}
