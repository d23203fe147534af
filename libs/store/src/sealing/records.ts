import { join, lp, Reader } from '@cpns/core';
import type { Aggregate, Expectation, Put, Store, StoredRecord } from '../port';
import { AuthenticatedRecord, type SealedSecret } from './authenticated-record';
import type { Fields, Json, RecordOf } from './fields';
import { invalidRecord, MAC_BYTES } from './formulas';
import type { Place, Sealer } from './sealer';

export interface RecordDefinition<F extends Fields = Fields> {
  /** Name of the record in its aggregate, where an aggregate has only one of these. */
  readonly name: string;
  readonly fields: F;
}

/** The type that goes with a definition: `type FirstSeedRecord = ValueIn<typeof firstSeedRecord>`. */
export type ValueIn<D> = D extends RecordDefinition<infer F> ? RecordOf<F> : never;

/**
 * Declares a kind of record. Field names are stored, so they are never renamed; a field that comes later is optional.
 *
 * ```ts
 * const firstSeedRecord = defineRecord('first-seed', {
 *   seed: secretField(FirstSeed),
 *   gateway: jsonField<string>(),
 *   assignUntil: jsonField<bigint>(),
 *   revokedAt: optional(jsonField<bigint>()),
 * });
 * ```
 */
export function defineRecord<const F extends Fields>(name: string, fields: F): RecordDefinition<F> {
  if (Object.keys(fields).some((field) => field === '')) throw new RangeError('a field of a record has a name');
  return { name, fields };
}

/** A record as it was read: what to expect of it in the commit that changes it. */
export interface Seen<T> {
  readonly revision: bigint;
  readonly value: T;
}

export interface PutOptions {
  /** Where an aggregate has several records of this kind: which one. */
  readonly name?: string;
  /**
   * Unix milliseconds; see the Store. Nothing authenticates it: a time that decides on access is a field of the record.
   */
  readonly expiresAt?: number;
}

const FORMAT = 1;

/**
 * The records of one service, with their secrets sealed and a MAC over all of it, in its store. Stored as
 *
 * ```
 * 0x01 LP(data-key-id) JSON {field: value, …, secret field: base64 of salt, ciphertext, tag} MAC
 * ```
 *
 * where the MAC covers every byte before it and binds service, aggregate, name and revision.
 */
export class SealedRecords {
  constructor(
    private readonly store: Store,
    private readonly sealer: Sealer,
  ) {}

  /**
   * A record, authenticated; undefined where there is none.
   * @throws STORED_RECORD_INVALID when it was altered, or moved here from elsewhere
   */
  async read<F extends Fields>(
    aggregate: Aggregate,
    definition: RecordDefinition<F>,
    name = definition.name,
  ): Promise<Seen<RecordOf<F>> | undefined> {
    return (await this.readAll(aggregate, definition, [name])).get(name);
  }

  /** Several records of one kind, as of one moment. */
  async readAll<F extends Fields>(
    aggregate: Aggregate,
    definition: RecordDefinition<F>,
    names: readonly string[],
  ): Promise<Map<string, Seen<RecordOf<F>>>> {
    const found = await this.store.read(aggregate, names);
    const seen = new Map<string, Seen<RecordOf<F>>>();
    for (const [name, record] of found) seen.set(name, await this.open(aggregate, definition, record, name));
    return seen;
  }

  /** Authenticates a record that was read along with others, of whatever kinds. */
  async open<F extends Fields>(
    aggregate: Aggregate,
    definition: RecordDefinition<F>,
    { revision, value }: StoredRecord,
    name = definition.name,
  ): Promise<Seen<RecordOf<F>>> {
    const place = { record: recordName(aggregate, name), revision };
    return { revision, value: (await this.#authenticate(definition, place, value)).reveal() };
  }

  /** The first half of {@link open}: nothing secret is opened yet. @throws STORED_RECORD_INVALID as open does */
  authenticate<F extends Fields>(
    aggregate: Aggregate,
    definition: RecordDefinition<F>,
    { revision, value }: StoredRecord,
    name = definition.name,
  ): Promise<AuthenticatedRecord<F>> {
    return this.#authenticate(definition, { record: recordName(aggregate, name), revision }, value);
  }

  /**
   * The parts of a commit that write a record: `commit(aggregate, {expect: [part.expect], put: [part.put]})`.
   * @param seen the revision that was read, or `absent`: the new one is sealed in
   */
  put<F extends Fields>(
    aggregate: Aggregate,
    definition: RecordDefinition<F>,
    seen: bigint | 'absent',
    value: RecordOf<F>,
    { name = definition.name, expiresAt }: PutOptions = {},
  ): { expect: Expectation; put: Put; revision: bigint } {
    const revision = seen === 'absent' ? 1n : seen + 1n;
    const bytes = this.encode(definition, { record: recordName(aggregate, name), revision }, value);
    return {
      expect: { name, revision: seen },
      put: { name, value: bytes, ...(expiresAt !== undefined && { expiresAt }) },
      revision,
    };
  }

  /** The bytes of a record at its place and revision. */
  encode<F extends Fields>({ fields }: RecordDefinition<F>, place: Place, value: RecordOf<F>): Buffer {
    const keyId = this.sealer.currentKeyId;
    const given = value as Readonly<Partial<Record<string, never>>>;
    for (const name of Object.keys(given))
      if (!Object.hasOwn(fields, name)) throw new TypeError(`the record has no field ${name}`);
    const body: Record<string, Json> = {};
    for (const [name, field] of Object.entries(fields)) {
      const each = given[name];
      if (each === undefined) {
        if (!field.optional) throw new TypeError(`the record needs its field ${name}`);
      } else if (field.toBytes) {
        body[name] = this.sealer.seal({ ...place, field: name }, field.toBytes(each), keyId).toString('base64');
      } else if (field.toJson) {
        body[name] = field.toJson(each);
      }
    }
    const bytes = join(Buffer.from([FORMAT]), lp(keyId), JSON.stringify(body));
    return join(bytes, this.sealer.mac(place, bytes, keyId));
  }

  /**
   * The record that {@link encode} made for this place and revision; nothing of it is parsed but the id of its data key
   * before the MAC has verified.
   * @throws STORED_RECORD_INVALID for anything else
   */
  async decode<F extends Fields>(
    definition: RecordDefinition<F>,
    place: Place,
    stored: Uint8Array,
  ): Promise<RecordOf<F>> {
    return (await this.#authenticate(definition, place, stored)).reveal();
  }

  async #authenticate<F extends Fields>(
    { fields }: RecordDefinition<F>,
    place: Place,
    stored: Uint8Array,
  ): Promise<AuthenticatedRecord<F>> {
    const parts = takeApart(place.record, stored);
    const { keyId } = parts;
    if (!this.sealer.isReady(keyId)) await this.sealer.ready(keyId, place.record);
    this.sealer.verify(place, parts.value, parts.mac, keyId);
    const body = JSON.parse(parts.json.toString('utf8')) as Record<string, Json>;
    const plain: Record<string, unknown> = {};
    const sealed: SealedSecret[] = [];
    for (const [name, field] of Object.entries(fields)) {
      const each = body[name];
      if (each === undefined) {
        if (!field.optional) throw invalidRecord(place.record, `misses its field ${name}`);
      } else if (field.fromBytes) {
        const bytes = Buffer.from(typeof each === 'string' ? each : '', 'base64');
        sealed.push({ place: { ...place, field: name }, bytes, fromBytes: field.fromBytes });
      } else if (field.fromJson) {
        plain[name] = field.fromJson(each);
      }
    }
    return new AuthenticatedRecord<F>(plain, sealed, (at, bytes) => this.sealer.open(at, bytes, keyId));
  }
}

interface Parts {
  /** What the MAC covers. */
  readonly value: Uint8Array;
  readonly mac: Uint8Array;
  readonly keyId: string;
  readonly json: Buffer;
}

function takeApart(record: string, stored: Uint8Array): Parts {
  const value = stored.subarray(0, Math.max(0, stored.length - MAC_BYTES));
  try {
    const reader = new Reader(value, 'a stored record');
    if (reader.byte() !== FORMAT) throw new Error('unknown format');
    const keyId = reader.lpText();
    return { value, mac: stored.subarray(value.length), keyId, json: reader.take(reader.remaining()) };
  } catch (cause) {
    throw invalidRecord(record, 'is no record', cause);
  }
}

/** `<kind>/<id>/<name>`: reads in one way only, since kinds and names have no slash. */
export const recordName = ({ kind, id }: Aggregate, name: string): string => `${kind}/${id}/${name}`;
