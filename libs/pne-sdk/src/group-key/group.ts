import { CpnsError, failedPrecondition, KeyedMutex, permissionDenied, type Clock, type Random } from '@cpns/core';
import {
  ContentSealer,
  emptyKeyring,
  endsGroup,
  goneVersions,
  highestOf,
  isEnded,
  missingVersion,
  nextRetirement,
  openableVersion,
  pruneRetired,
  receiveGroupKey,
  sameKeyring,
  sealableVersion,
  type Acceptance,
  type ContentOpener,
  type Keyring,
  type OpenedContent,
} from '@cpns/group-key';
import type { CheckedGroupKeyDelivery } from '@cpns/contracts';
import { withinStep, type Logger } from '@cpns/telemetry';
import type { GroupContent, GroupState, GroupStates } from './group-state';
import type { Receiving } from './member';
import { ReplayJournal } from './replay-journal';

export interface GroupContext {
  readonly states: GroupStates;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly opener: ContentOpener;
}

/** A timer does not run longer than that, in milliseconds; it is set anew afterwards. */
const TIMER_MAX_MS = 3_600_000;

/**
 * One Service Group at one member. Changes come one after the other, each checked, made durable, and only then used;
 * sealing and opening take the keyring as it is. After a change that failed it is read anew: see {@link Group.isStale}.
 */
export class Group {
  /** When the Server last said which version is the newest, Unix milliseconds. */
  confirmedAt = -Infinity;
  readonly #context: GroupContext;
  readonly #mutex = new KeyedMutex();
  #state: GroupState;
  #sealer: ContentSealer | undefined;
  #journal: ReplayJournal | undefined;
  #stale = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(state: GroupState, context: GroupContext) {
    this.#state = state;
    this.#context = context;
    this.#schedule();
  }

  get state(): GroupState {
    return this.#state;
  }

  get groupId(): string {
    return this.#state.groupId;
  }

  get isEnded(): boolean {
    return isEnded(this.#state.keyring);
  }

  /** True when the store may hold something else than this. */
  get isStale(): boolean {
    return this.#stale || this.#journal?.failed === true;
  }

  /** @throws CpnsError NOT_A_MEMBER after a leave */
  requireMember(): void {
    if (this.#state.left) throw this.#notAMember('this device left the Service Group: join it again');
  }

  /** Why it cannot be sealed in this group now, if so. */
  sealRefusal(): CpnsError | undefined {
    return refusalOf(() => sealableVersion(this.#state.keyring, this.#now()));
  }

  /** True when a pull may bring the key of this version. */
  lacks(version: bigint): boolean {
    return version !== 0n && refusalOf(() => this.#openable(version))?.reason === 'GROUP_KEY_UNKNOWN';
  }

  /** A version that is to be pulled by its number, although the newest is here. */
  missing(): bigint | undefined {
    return missingVersion(this.#state.keyring, this.#now());
  }

  /** @throws CpnsError what {@link sealableVersion} throws; MESSAGE_TOO_LARGE */
  seal(plaintext: Uint8Array): Buffer {
    const { groupId, entity, keyring } = this.#state;
    const { statement, groupKey } = sealableVersion(keyring, this.#now());
    const { version } = statement;
    if (this.#sealer?.terms.version !== version) {
      this.#sealer?.destroy();
      const { random } = this.#context;
      this.#sealer = new ContentSealer({ groupKey, groupId, version, sender: entity, random });
    }
    return this.#sealer.seal(plaintext);
  }

  /**
   * Resolves when it is durable that the message was opened.
   * @throws CpnsError what {@link openableVersion} throws; CONTENT_INVALID, CONTENT_REPLAYED; of the store
   */
  async open(message: Uint8Array): Promise<OpenedContent> {
    const journal = await this.#replays();
    const opened = this.#context.opener.open(message, ({ version }) => this.#openable(version));
    try {
      await journal.accept(opened.header);
    } catch (error) {
      opened.plaintext.fill(0);
      throw error;
    }
    return opened;
  }

  /**
   * Checks a delivery completely, makes what it changes durable, and only then uses it.
   * @throws CpnsError what {@link receiveGroupKey} throws; STATEMENT_CONFLICT for another version; NOT_A_MEMBER; of the store
   */
  receive(delivery: CheckedGroupKeyDelivery, receiving: Receiving): Promise<Acceptance> {
    const { member, step, asked, isAskedFor } = receiving;
    return this.#change(async () => {
      const { statement } = delivery.signed;
      const { version } = statement;
      if (!isAskedFor) this.#requireInterest(delivery);
      if (asked !== undefined && asked !== version && !endsGroup(statement)) throw otherVersion(this.groupId, version);
      const context = { now: this.#now(), asked, mayLackKey: !isAskedFor };
      const { keyring, acceptance } = receiveGroupKey(this.#state.keyring, delivery, member, member.verifier, context);
      await withinStep(step, () => this.#commit({ ...this.#state, keyring, left: this.#state.left && !isAskedFor }));
      if (version === highestOf(keyring)?.statement.version && asked === undefined) this.confirmedAt = this.#now();
      return acceptance;
    });
  }

  /** Refuses what was not asked for in a group that the device left, and a statement alone in one that it has no statement of. */
  #requireInterest({ own }: CheckedGroupKeyDelivery): void {
    this.requireMember();
    if (own === undefined && highestOf(this.#state.keyring) === undefined)
      throw this.#notAMember('this device has no key of the Service Group');
  }

  #notAMember(why: string): CpnsError {
    return permissionDenied('NOT_A_MEMBER', why, { metadata: { group: this.groupId } });
  }

  /** The device is to be a member again; what it may open from here on, the Server says. */
  join(): Promise<void> {
    return this.#change(async () => {
      this.confirmedAt = -Infinity;
      await this.#commit({ ...this.#state, left: false });
    });
  }

  /** Forgets every key and keeps the highest statement: nothing below it is ever taken in again. */
  leave(): Promise<void> {
    return this.#change(async () => {
      const { groupId, keyring } = this.#state;
      const highest = highestOf(keyring)?.statement;
      const floor: Keyring = {
        groupId,
        retiredThrough: highest?.version ?? keyring.retiredThrough,
        versions: highest === undefined ? [] : [{ statement: highest }],
      };
      await this.#commit({ ...this.#state, keyring: floor, left: true });
    });
  }

  /** Takes out what has retired, from memory and store. */
  prune(): Promise<void> {
    return this.#change(async () => {
      if ((nextRetirement(this.#state.keyring) ?? Infinity) > this.#now()) return;
      await this.#commit({ ...this.#state, keyring: pruneRetired(this.#state.keyring, this.#now()) });
    });
  }

  /** Takes part in nothing more, since the store is read anew. Calls under way end with the keys that they have. */
  discard(): void {
    clearTimeout(this.#timer);
    this.#dropSealer();
    this.#stale = true;
  }

  /** Overwrites the keys in memory; what is stored is used by the next start. */
  close(): void {
    this.discard();
    this.#context.opener.forget(this.groupId);
    const { keyring } = this.#state;
    for (const { groupKey } of keyring.versions) groupKey?.destroy();
    // a call that is still under way finds no key, rather than one that was overwritten
    this.#state = { ...this.#state, keyring: emptyKeyring(this.groupId) };
  }

  #now(): number {
    return this.#context.clock.now();
  }

  #openable(version: bigint) {
    return openableVersion(this.#state.keyring, version, this.#now()).groupKey;
  }

  /** Stale or not is looked at in turn: a change before may have failed. */
  #change<T>(work: () => Promise<T>): Promise<T> {
    return this.#exclusive(() => {
      if (this.#stale) throw new CpnsError('CONFLICT', 'the Group Keys have to be read anew: try again');
      return work();
    });
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    return this.#mutex.run(this.groupId, work);
  }

  async #commit(next: GroupContent): Promise<void> {
    const before = this.#state;
    const { keyring } = next;
    if (next.left === before.left && sameKeyring(keyring, before.keyring)) return;
    // keys that have retired are overwritten already: what is left of the old keyring serves until the new one is durable
    const left = before.keyring.versions.filter(({ statement }) => statement.version > keyring.retiredThrough);
    this.#state = { ...before, keyring: { ...before.keyring, retiredThrough: keyring.retiredThrough, versions: left } };
    try {
      this.#state = await this.#context.states.replace(before, next);
    } catch (error) {
      this.#stale = true;
      throw error;
    }
    this.#settle(before.keyring);
  }

  /** After a change: what is no longer in the keyring goes from memory too. */
  #settle(before: Keyring): void {
    const { keyring, left } = this.#state;
    for (const version of goneVersions(before, keyring)) this.#context.opener.forget(this.groupId, version);
    if (left) this.#context.opener.forget(this.groupId);
    const kept = new Set(keyring.versions.map(({ groupKey }) => groupKey));
    for (const { groupKey } of before.versions) if (!kept.has(groupKey)) groupKey?.destroy();
    if (left || this.#sealer?.terms.version !== highestOf(keyring)?.statement.version) this.#dropSealer();
    this.#journal?.forget(keyring.retiredThrough);
    this.#schedule();
  }

  #dropSealer(): void {
    this.#sealer?.destroy();
    this.#sealer = undefined;
  }

  /** Read when the first message is opened: a device that only seals never needs it. */
  async #replays(): Promise<ReplayJournal> {
    if (this.#journal !== undefined) return this.#journal;
    return this.#exclusive(async () => {
      this.#journal ??= await ReplayJournal.load(this.#state, {
        states: this.#context.states,
        exclusive: (work) => this.#exclusive(work),
        retiredThrough: () => this.#state.keyring.retiredThrough,
      });
      return this.#journal;
    });
  }

  /** Retired keys go also when the group is not asked for. */
  #schedule(): void {
    clearTimeout(this.#timer);
    const at = nextRetirement(this.#state.keyring);
    if (at === undefined) return;
    const wait = Math.min(Math.max(at - this.#now(), 0), TIMER_MAX_MS);
    this.#timer = setTimeout(() => void this.#pruneInTime(), wait).unref();
  }

  async #pruneInTime(): Promise<void> {
    try {
      await this.prune();
      if (!this.#stale) this.#schedule();
    } catch (error) {
      this.#context.logger.warn('retired Group Keys are still stored', { group: this.groupId, error });
    }
  }
}

const otherVersion = (group: string, version: bigint) =>
  failedPrecondition('STATEMENT_CONFLICT', 'the answer is about another version than was asked for', {
    metadata: { group, version: String(version) },
  });

function refusalOf(work: () => unknown): CpnsError | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof CpnsError) return error;
    throw error;
  }
}
