import type { Fields, RecordOf } from './fields';
import type { FieldPlace } from './sealer';

/** One secret field of a record, as it was stored. */
export interface SealedSecret {
  readonly place: FieldPlace;
  /** Salt, ciphertext and tag. */
  readonly bytes: Buffer;
  readonly fromBytes: (opened: Buffer) => unknown;
}

/** A record whose MAC verified: its plain fields, and its secrets sealed as they were stored. */
export class AuthenticatedRecord<F extends Fields> {
  constructor(
    private readonly plain: Readonly<Record<string, unknown>>,
    private readonly sealed: readonly SealedSecret[],
    private readonly open: (place: FieldPlace, sealed: Buffer) => Buffer,
  ) {}

  /**
   * What the record says: its secrets opened anew and the caller's to destroy, everything else shared by all that ask.
   * @throws STORED_RECORD_INVALID when a secret does not open
   */
  reveal(): RecordOf<F> {
    // without secrets there is nothing that one caller could take from another
    if (this.sealed.length === 0) return this.plain as RecordOf<F>;
    const value: Record<string, unknown> = { ...this.plain };
    for (const { place, bytes, fromBytes } of this.sealed) value[place.field] = fromBytes(this.open(place, bytes));
    return value as RecordOf<F>;
  }
}
