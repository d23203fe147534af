/**
 * What a PN GW knows of the Entity-User Keys of its network: the Server's own word for each entity, as rows of a table.
 *
 * A snapshot names every entity anew. Its rows are kept beside those in force, under the next generation, until it is
 * complete: then one commit makes that generation the current one, and what was not named is void.
 */
import type { CheckedCredential } from '@cpns/contracts';
import { duration } from '@cpns/core';
import { type Aggregate, at, defineRecord, jsonField, type ValueIn } from '@cpns/store';

export type Credential = Omit<CheckedCredential, 'name'>;

export const TABLE_AGGREGATE: Aggregate = { kind: 'credentials', id: 'own' };

export const TABLE = defineRecord('table', {
  /** Whose rows count; 0 before the first snapshot was complete. */
  generation: jsonField<bigint>(),
  /** Given to the newest snapshot that began; none is given twice, so that what was cut off is never taken for the next. */
  newest: jsonField<bigint>(),
  /** Set where the Server or this gateway may have lost entries; only a complete snapshot takes it back. */
  doubtful: jsonField<boolean>(),
});
export type TableRecord = ValueIn<typeof TABLE>;

export const NO_TABLE: TableRecord = { generation: 0n, newest: 0n, doubtful: false };

interface EndedKey {
  readonly keyId: string;
  /** Unix milliseconds. */
  readonly until: number;
}

/** @param entity E */
export const rowAggregate = (entity: string): Aggregate => ({ kind: 'credential', id: entity });

export const ROW = defineRecord('row', {
  /** At most two: of the generation in force, and of the snapshot that is coming. */
  versions: jsonField<readonly { readonly generation: bigint; readonly credential: Credential }[]>(),
  /** Keys that ended, until their not-after: they do not come back, whatever is said. */
  ended: jsonField<readonly EndedKey[]>(),
});
export type RowRecord = ValueIn<typeof ROW>;

export const NO_ROW: RowRecord = { versions: [], ended: [] };

/** @param gateway E of the assigner */
export const assignerAggregate = (gateway: string): Aggregate => ({ kind: 'assigner', id: gateway });
/** The highest life of a gateway whose end was told. */
export const ASSIGNER_END = defineRecord('end', { life: jsonField<bigint>() });

/** An aggregate of its own: it changes each minute, and nothing else with it. */
export const AGE_AGGREGATE: Aggregate = { kind: 'table-age', id: 'own' };
export const AGE = defineRecord('age', { currentAt: jsonField<number>() });
export const AGE_STORED_EACH_MS = duration(1, 'minute');

export const TABLE_WANTED = { table: at(TABLE) };
export const ROW_WANTED = { row: at(ROW) };
