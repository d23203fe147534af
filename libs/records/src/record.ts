/** Records as services see them: typed objects whose secret fields are of their own types, sealed before any store sees them. */

/** Makes a secret from its bytes: the constructor of one of the secret types. */
export type SecretType<T> = new (bytes: Uint8Array) => T;

/** A field that is no secret: text, numbers, bigints, booleans, bytes, and lists and objects of these. */
export interface PlainField {
  readonly kind: 'plain';
}

/** A field that is sealed. */
export interface SecretField<T> {
  readonly kind: 'secret';
  readonly type: SecretType<T>;
}

export type Field = PlainField | SecretField<{ expose(): Buffer }>;

/** What a record consists of. Each field may be absent in a particular record where its type says so. */
export interface RecordDefinition<T> {
  /** What it is, for errors: two definitions never have one name. */
  readonly name: string;
  readonly fields: { readonly [K in keyof T]-?: Field };
  /** For the compiler alone: nothing has it at run time. */
  readonly valueType?: T;
  /** Under which name in its aggregate. */
  named(name: string): RecordRef<T>;
}

/** One record of an aggregate. */
export interface RecordRef<T> {
  readonly definition: RecordDefinition<T>;
  readonly name: string;
}

export const field = (): PlainField => ({ kind: 'plain' });

export const secretField = <T extends { expose(): Buffer }>(type: SecretType<T>): SecretField<T> => ({ kind: 'secret', type });

/** A record with all its fields: what is not named here cannot be stored. */
export function defineRecord<T>(shape: Pick<RecordDefinition<T>, 'name' | 'fields'>): RecordDefinition<T> {
  const definition: RecordDefinition<T> = {
    ...shape,
    named: (name) => ({ definition, name }),
  };
  return definition;
}
