import { Secret } from '@cpns/core';

/** What JSON can say. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** A field sealed on its own, as bytes. The type parameter of a field is what a use case sees. */
export interface SecretField<T> {
  readonly form: 'secret';
  readonly optional: boolean;
  readonly toBytes: (value: T) => Uint8Array;
  readonly fromBytes: (bytes: Buffer) => T;
}

/** In the clear, under the record's MAC. */
export interface PlainField<T> {
  readonly form: 'plain';
  readonly optional: boolean;
  readonly toJson: (value: T) => Json;
  readonly fromJson: (json: Json) => T;
}

/** A secret of the protocol, returned as its own type: `secretField(FirstSeed)`. */
export const secretField = <S extends Secret>(type: new (bytes: Uint8Array) => S): SecretField<S> & Mandatory => ({
  form: 'secret',
  optional: false,
  toBytes: (secret) => {
    // the compiler says so too; what would be lost with a wrong secret is worth a second look
    if (!(secret instanceof type)) throw new TypeError(`this field holds a ${type.name}`);
    return secret.expose();
  },
  fromBytes: (bytes) => new type(bytes),
});

/**
 * Any plain data: JSON, with bigint and bytes besides. An object's undefined properties are left out.
 * @param complete adds what a value may lack that an older release stored
 * @throws TypeError when a value holds a secret, a function, or another thing that JSON would lose
 */
export const jsonField = <T>(complete: (stored: T) => T = (stored) => stored): PlainField<T> & Mandatory => ({
  form: 'plain',
  optional: false,
  toJson: (value) => toJson(value),
  fromJson: (json) => complete(fromJson(json) as T),
});

/** A field that may be absent. */
export const optional = <F extends Mandatory>(field: F): Omit<F, 'optional'> & { readonly optional: true } => ({
  ...field,
  optional: true,
});

interface Mandatory {
  readonly optional: false;
}

/** A field of any type: its values are seen by nothing but its own functions. */
export interface AnyField {
  readonly form: 'secret' | 'plain';
  readonly optional: boolean;
  readonly toBytes?: (value: never) => Uint8Array;
  readonly fromBytes?: (bytes: Buffer) => unknown;
  readonly toJson?: (value: never) => Json;
  readonly fromJson?: (json: Json) => unknown;
}

/** Tags for what JSON has no word for. A plain object may have no key that begins like them. */
const BIGINT = '$bigint';
const BYTES = '$bytes';

function toJson(value: unknown): Json {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError('JSON has no word for a number that is not finite');
      return value;
    case 'bigint':
      return { [BIGINT]: String(value) };
    case 'object':
      return objectToJson(value);
    default:
      throw new TypeError(`a record cannot hold a ${typeof value}`);
  }
}

function objectToJson(value: object | null): Json {
  if (value === null) return null;
  // its own toJSON would say [redacted], and the secret would be gone
  if (value instanceof Secret) throw new TypeError('a secret belongs in a secretField');
  if (value instanceof Uint8Array) return { [BYTES]: Buffer.from(value).toString('base64') };
  if (Array.isArray(value)) return value.map(toJson);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null)
    throw new TypeError('a record holds plain objects only: no Map, Set, Date or class');
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  if (entries.some(([key]) => key.startsWith('$'))) throw new TypeError('keys of a record do not begin with $');
  return Object.fromEntries(entries.map(([key, each]) => [key, toJson(each)]));
}

function fromJson(json: Json): unknown {
  if (json === null || typeof json !== 'object') return json;
  if (Array.isArray(json)) return json.map(fromJson);
  if (typeof json[BIGINT] === 'string') return BigInt(json[BIGINT]);
  if (typeof json[BYTES] === 'string') return Buffer.from(json[BYTES], 'base64');
  return Object.fromEntries(Object.entries(json).map(([key, each]) => [key, fromJson(each)]));
}

/** The fields of a kind of record, by name. */
export type Fields = Readonly<Record<string, AnyField>>;
type ValueOf<F> = F extends { fromBytes: (bytes: Buffer) => infer T }
  ? T
  : F extends { fromJson: (json: Json) => infer T }
    ? T
    : never;
type OptionalNames<F extends Fields> = { [K in keyof F]: F[K]['optional'] extends true ? K : never }[keyof F];

/** What a use case sees of a record with those fields. */
export type RecordOf<F extends Fields> = { readonly [K in Exclude<keyof F, OptionalNames<F>>]: ValueOf<F[K]> } & {
  readonly [K in OptionalNames<F>]?: ValueOf<F[K]>;
};
