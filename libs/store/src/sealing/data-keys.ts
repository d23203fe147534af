import { CpnsError, DataKey, SECRET_BYTES, type Clock, type Random } from '@cpns/core';
import type { Aggregate, Store, StoredRecord } from '../port';
import { invalidRecord } from './formulas';
import { WRAPPED_BYTES, type MasterKeyProvider } from './master-key';

/** Where the wrapped data keys of a service are. */
export const dataKeysOf = (service: string): Aggregate => ({ kind: 'data-keys', id: service });
export const DATA_KEYS_RECORD = 'keys';

/** How often a race with another process is tried again; each round one of them wins. */
const ATTEMPTS = 100;

interface WrappedKey {
  /** The version in decimal: what formulas call data-key-id. */
  readonly id: string;
  /** Unix milliseconds. */
  readonly madeAt: number;
  /** AES key wrap under the master key. */
  readonly wrapped: Buffer;
}

/** What the keys of a service need from outside. */
export interface DataKeysOptions {
  readonly store: Store;
  readonly service: string;
  readonly masterKey: MasterKeyProvider;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * The data keys of a service: every version, the newest for sealing. They lie in the store, wrapped, as JSON
 * `[{"id": "1", "madeAt": …, "wrapped": "base64"}, …]`; the wrapping authenticates each of them.
 */
export class DataKeys {
  readonly #keys = new Map<string, DataKey>();
  #current = '';

  private constructor(private readonly options: DataKeysOptions) {}

  /** Loads the keys; makes the first where there is none. */
  static async open(options: DataKeysOptions): Promise<DataKeys> {
    const keys = new DataKeys(options);
    if (!(await keys.refresh())) await keys.#add('');
    return keys;
  }

  /** Id of the key that seals. */
  get current(): string {
    return this.#current;
  }

  /** A key that is loaded. */
  find(id: string): DataKey | undefined {
    return this.#keys.get(id);
  }

  /** Loads what other processes made meanwhile; false where there is no key at all. */
  async refresh(): Promise<boolean> {
    const record = await this.#read();
    if (!record) return false;
    await this.#load(parse(record));
    return true;
  }

  /** Makes a new version the current one; the others stay for what they sealed. Returns its id. */
  async rotate(): Promise<string> {
    await this.#add(this.#current);
    return this.#current;
  }

  /**
   * Adds a version after `seen`. Two processes that rotate together make one new version: the second finds the
   * first's, and is content.
   */
  async #add(seen: string): Promise<void> {
    const { store, service, masterKey, clock, random } = this.options;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const record = await this.#read();
      const before = record ? parse(record) : [];
      if ((before.at(-1)?.id ?? '') !== seen) return this.#load(before);
      const id = String(before.length + 1);
      const wrapped = await masterKey.wrap(new DataKey(random.bytes(SECRET_BYTES)));
      const after = [...before, { id, madeAt: clock.now(), wrapped }];
      const result = await store.commit(dataKeysOf(service), {
        expect: [{ name: DATA_KEYS_RECORD, revision: record?.revision ?? 'absent' }],
        put: [{ name: DATA_KEYS_RECORD, value: serialize(after) }],
      });
      if (result.ok) return this.#load(after);
    }
    throw new CpnsError('CONFLICT', 'the data keys of this service are being changed; try again');
  }

  async #read(): Promise<StoredRecord | undefined> {
    const found = await this.options.store.read(dataKeysOf(this.options.service), [DATA_KEYS_RECORD]);
    return found.get(DATA_KEYS_RECORD);
  }

  async #load(keys: readonly WrappedKey[]): Promise<void> {
    for (const { id, wrapped } of keys)
      if (!this.#keys.has(id)) this.#keys.set(id, await this.options.masterKey.unwrap(wrapped));
    this.#current = keys.at(-1)?.id ?? '';
  }
}

const serialize = (keys: readonly WrappedKey[]): Buffer =>
  Buffer.from(JSON.stringify(keys.map((key) => ({ ...key, wrapped: key.wrapped.toString('base64') }))));

function parse({ value }: StoredRecord): WrappedKey[] {
  let keys: unknown;
  try {
    keys = JSON.parse(value.toString('utf8'));
  } catch (cause) {
    throw invalidRecord('data keys', 'are no JSON', cause);
  }
  if (!Array.isArray(keys) || keys.length === 0) throw invalidRecord('data keys', 'are no list');
  return keys.map((key: unknown, index) => parseKey(key, index));
}

function parseKey(key: unknown, index: number): WrappedKey {
  const { id, madeAt, wrapped } = (key ?? {}) as Record<string, unknown>;
  const bytes = typeof wrapped === 'string' ? Buffer.from(wrapped, 'base64') : Buffer.alloc(0);
  // ids count up from 1, so that none can be put in another's place
  if (id !== String(index + 1) || typeof madeAt !== 'number' || bytes.length !== WRAPPED_BYTES)
    throw invalidRecord('data keys', `have no key at ${index + 1}`);
  return { id, madeAt, wrapped: bytes };
}
