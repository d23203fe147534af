import { CpnsError } from '@cpns/core';
import type { Aggregate, Append, LogPage, Store } from '@cpns/store';

/**
 * The entries that are on their way to one receiver, in order: a log of the store, trimmed as they are acknowledged.
 */
export class DeliveryLog {
  constructor(
    private readonly store: Store,
    /** Where the log is: of the receiver, so that its entries stay in order among themselves. */
    readonly aggregate: Aggregate,
    readonly log: string,
  ) {}

  /** Names the log, for its one live channel. */
  get name(): string {
    return `${this.aggregate.kind}/${this.aggregate.id}/${this.log}`;
  }

  /**
   * Appends an entry on its own; {@link entry} makes one part of a larger commit.
   * @param dedupeId says which entry this is: it is appended once for as long as the receiver has not acknowledged it
   * @returns its sequence
   */
  async append(dedupeId: string, value: Uint8Array): Promise<bigint> {
    const result = await this.store.commit(this.aggregate, { append: [this.entry(dedupeId, value)] });
    const sequence = result.ok ? result.sequences[0] : undefined;
    // a commit that expects nothing cannot conflict
    if (sequence === undefined) throw new CpnsError('INTERNAL', 'an entry was not appended');
    return sequence;
  }

  /** An append for a commit of this log's aggregate. */
  entry(dedupeId: string, value: Uint8Array): Append {
    return { log: this.log, dedupeId, value };
  }

  read(after: bigint, limit: number): Promise<LogPage> {
    return this.store.readLog(this.aggregate, this.log, after, limit);
  }

  /**
   * Forgets what the receiver has committed.
   * @param entryId of the entry at `upTo`, 16 bytes
   * @returns false, with nothing forgotten, where the log has another entry there, or was trimmed further
   */
  async trim(upTo: bigint, entryId?: Buffer): Promise<boolean> {
    const { ok } = await this.store.commit(this.aggregate, {
      trim: [{ log: this.log, upTo, ...(entryId && { entryId }) }],
    });
    return ok;
  }

  watch(wake: () => void, signal: AbortSignal): Promise<void> {
    return this.store.watch(this.aggregate, this.log, wake, signal);
  }
}
