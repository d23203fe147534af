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

/** Records by the names that the caller's code has for them. */
export type Wanted = Readonly<Record<string, RecordRef>>;

/** What each of them holds. */
export type Found<W> = { readonly [K in keyof W]: W[K] extends RecordRef<infer F> ? RecordOf<F> | undefined : never };

/** A value that is absent for everybody from a time on. */
export class Expiring<T> {
  constructor(
    readonly value: T,
    /** Unix milliseconds. */
    readonly at: number,
  ) {}
}

export const expiring = <T>(value: T, at: number): Expiring<T> => new Expiring(value, at);

/** What becomes of each: a value, a value that ends, or nothing (`null` deletes). What is not named stays. */
export type Puts<W> = {
  readonly [K in keyof W]?: W[K] extends RecordRef<infer F> ? RecordOf<F> | Expiring<RecordOf<F>> | null : never;
};
