import { ReplayMemory, type ReplayHeader, type SenderReplayState } from '@cpns/group-key';
import { createHash } from 'node:crypto';
import { REPLAY_BUCKETS, type GroupState, type GroupStates, type ReplayBucket } from './group-state';

interface Bucket {
  readonly version: bigint;
  readonly bucket: number;
  /** Of what is stored. */
  serial: number;
  readonly senders: Map<string, SenderReplayState>;
}

export interface ReplayJournalOptions {
  readonly states: GroupStates;
  /** One after the other with all other changes of the group. */
  readonly exclusive: <T>(work: () => Promise<T>) => Promise<T>;
  /** Everything up to this version opens nothing more. */
  readonly retiredThrough: () => bigint;
}

/**
 * What was opened in one group, durable before it is used. While one commit is under way the next ones gather, so that
 * many messages at once cost few commits.
 */
export class ReplayJournal {
  readonly #options: ReplayJournalOptions;
  readonly #groupId: string;
  readonly #salt: Buffer;
  readonly #memory: ReplayMemory;
  readonly #buckets = new Map<string, Bucket>();
  #dirty = new Set<Bucket>();
  #next: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  private constructor(state: GroupState, stored: readonly ReplayBucket[], options: ReplayJournalOptions) {
    this.#options = options;
    this.#groupId = state.groupId;
    this.#salt = state.replaySalt;
    this.#memory = new ReplayMemory(stored.flatMap(({ senders }) => senders));
    for (const { version, bucket, serial, senders } of stored)
      this.#buckets.set(`${version} ${bucket}`, {
        version,
        bucket,
        serial,
        senders: new Map(senders.map((sender) => [sender.sender, sender])),
      });
  }

  /** @throws CpnsError STORED_RECORD_INVALID, DEPENDENCY_UNAVAILABLE */
  static async load(state: GroupState, options: ReplayJournalOptions): Promise<ReplayJournal> {
    return new ReplayJournal(state, await options.states.readReplay(state), options);
  }

  /** True once a commit failed: what is stored may then be more than what is known here, so that all is read anew. */
  get failed(): boolean {
    return this.#failure !== undefined;
  }

  /**
   * Marks an authentic message as opened. Resolves when that is durable; the content is not to be used before.
   * @throws CpnsError CONTENT_REPLAYED; what the commit throws
   */
  async accept(header: ReplayHeader): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    const sender = this.#memory.accept(header);
    const bucket = this.#bucketOf(sender);
    bucket.senders.set(sender.sender, sender);
    this.#dirty.add(bucket);
    this.#next ??= this.#options.exclusive(() => this.#write());
    await this.#next;
  }

  /** Drops what was opened under versions up to this one, once they are gone from the store. */
  forget(version: bigint): void {
    this.#memory.forget(version);
    for (const [key, bucket] of this.#buckets) if (bucket.version <= version) this.#buckets.delete(key);
  }

  async #write(): Promise<void> {
    this.#next = undefined;
    const dirty = [...this.#dirty];
    this.#dirty = new Set();
    if (this.#failure !== undefined) throw this.#failure.error;
    // what retired meanwhile was opened in its time, and does not open again
    const left = dirty.filter(({ version }) => version > this.#options.retiredThrough());
    if (left.length === 0) return;
    const records = left.map(({ version, bucket, serial, senders }) => ({
      version,
      bucket,
      serial: serial + 1,
      senders: [...senders.values()],
    }));
    try {
      await this.#options.states.writeReplay(this.#groupId, records);
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
    for (const bucket of left) bucket.serial += 1;
  }

  #bucketOf({ version, sender }: SenderReplayState): Bucket {
    const digest = createHash('sha256').update(this.#salt).update(sender).digest();
    const number = (digest[0] ?? 0) % REPLAY_BUCKETS;
    const key = `${version} ${number}`;
    const bucket = this.#buckets.get(key) ?? { version, bucket: number, serial: 0, senders: new Map() };
    this.#buckets.set(key, bucket);
    return bucket;
  }
}
