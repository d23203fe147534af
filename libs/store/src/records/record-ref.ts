import type { Fields, RecordOf } from '../sealing/fields';
import type { RecordDefinition } from '../sealing/records';

/** One record of an aggregate: what it consists of, and its name there. */
export interface RecordRef<F extends Fields = Fields> {
  readonly definition: RecordDefinition<F>;
  readonly name: string;
}

/** The record of a kind under a name; without one, under the kind's own. */
export const at = <F extends Fields>(
  definition: RecordDefinition<F>,
  name: string = definition.name,
): RecordRef<F> => ({
  definition,
  name,
});

/** Refs or values of several records by their names, to be spread beside others. */
export const byName = <N extends string, I, T>(items: readonly I[], nameOf: (item: I) => N, valueOf: (item: I) => T) =>
  Object.fromEntries(items.map((item) => [nameOf(item), valueOf(item)])) as Readonly<Record<N, T>>;

/** Records by the names that the caller's code has for them. */
export type Wanted = Readonly<Record<string, RecordRef>>;

/** What each record holds. */
export type Found<W> = {
  readonly [K in keyof W]: W[K] extends RecordRef<infer F> ? RecordOf<F> | undefined : never;
};

/** A value with a time to live. */
export class Expiring<T> {
  constructor(
    readonly value: T,
    /** Unix milliseconds. */
    readonly at: number,
  ) {}
}

export const expiring = <T>(value: T, at: number): Expiring<T> => new Expiring(value, at);

/** New value; `expiring()` sets a TTL, `null` deletes, omitted is unchanged. */
export type Puts<W> = {
  readonly [K in keyof W]?: W[K] extends RecordRef<infer F> ? RecordOf<F> | Expiring<RecordOf<F>> | null : never;
};
