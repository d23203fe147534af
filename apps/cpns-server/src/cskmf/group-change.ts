/**
 * How a change of a group goes on until it is done, whatever dies on the way (architecture.md, "Consistency").
 *
 * ```
 *   SMF's call --- pending ------- KMC ------- recipients ------- head, outbox, no more pending --- answer
 *               (commit, step 2)  (step 3)  (commits, step 5)        (commit, step 5)
 * ```
 * `pending` holds the request id that the KMC knows the new version by. What comes after a crash, the same call again or
 * another one, first goes on from there: the KMC answers with the same version, the recipients' rules give the same again,
 * and only the last commit makes the version one that is given out. So no number is given twice, and no version is
 * half made. Two replicas may do all of it beside each other: the last commit succeeds once. Where those who join get a version
 * that is there, the KMC is not asked, and they have it from the commits of the recipients on.
 */
import { Clock, CpnsError, NONCE_BYTES, Random } from '@cpns/core';
import { outboxEntry } from '@cpns/delivery';
import { deriveGroupKeyCommitment } from '@cpns/group-key';
import { sha256 } from '@cpns/key-derivation';
import { OwnIdentity } from '@cpns/platform';
import { at, Records, type Decision, type Found, type Snapshot } from '@cpns/store';
import {
  currentTraceparent,
  emitStep,
  lastStep,
  withinStep,
  withStepChain,
  withTraceparent,
  type CarriedField,
} from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { ServerConfig } from '../config';
import { Osg } from '../osg/osg';
import { DueGroups } from './due-groups';
import { PushRelay } from './push-group-key';
import { recordRecipients } from './recipients';
import {
  GROUP,
  groupAggregate,
  PENDING,
  RETIRED_VERSIONS,
  versionFrom,
  withRetired,
  type KeyedGroupRecord,
  type PendingRecord,
} from './records';
import { encodeTask, tasksAfter } from './relay-task';
import { withMembership, withNewVersion } from './rotation';

/** By what one change is told from another. @param asked its message, with the members in order */
export const changeDigestOf = (kind: 'create' | 'update' | 'delete' | 'rotate' | 'time', asked: Uint8Array): Buffer =>
  sha256(Buffer.from(`${kind}\0`), asked);

/** What is known of a change before it is written. */
type Checked = Pick<PendingRecord, 'joinedLives'>;

/** A change as its use case wants it. */
export interface Change {
  readonly groupId: string;
  /** SHA-256 of what was asked for, 32 bytes. */
  readonly changeDigest: Buffer;
  /** What the request carried, for its step. */
  readonly carried: readonly CarriedField[];
  /** Under which flow it is reported; told by what the group is. */
  readonly flowOf: (group: KeyedGroupRecord | undefined) => PendingRecord['flow'];
  /** True when the group is as it was asked for already. Throws when the change cannot be made. */
  readonly isDone: (group: KeyedGroupRecord | undefined) => boolean;
  /** Looked at once more before anything is written, such as the members' keys. Throws when the change cannot be made. */
  readonly check: () => Promise<Checked>;
  /** What is written first. */
  readonly begin: (group: KeyedGroupRecord | undefined) => {
    readonly pending: Omit<PendingRecord, 'flow' | 'requestId' | 'changeDigest' | 'traceparent' | 'joinedLives'>;
    /** The head, where it changes at once. */
    readonly head?: KeyedGroupRecord;
  };
}

const WANTED = { head: at(GROUP), pending: at(PENDING) };
type State = Found<typeof WANTED>;
const TO_FINISH = { ...WANTED, retired: at(RETIRED_VERSIONS) };

/** The one that was read, and not one that came after it. */
const isSame = (a: PendingRecord | undefined, b: PendingRecord): a is PendingRecord =>
  a?.requestId.equals(b.requestId) ?? false;

/** What a call finds, or begins. */
type Begun =
  | { readonly kind: 'done'; readonly group: KeyedGroupRecord }
  | { readonly kind: 'ours'; readonly pending: PendingRecord }
  | { readonly kind: 'other'; readonly pending: PendingRecord }
  /** Another's change was over when this one was to be written: it is checked first. */
  | { readonly kind: 'again' };

/** Changes of others that one call finishes before it gives up. */
const OTHERS_MAX = 16;
const REQUEST_ID_BYTES = NONCE_BYTES;

@Injectable()
export class GroupChanges {
  constructor(
    private readonly own: OwnIdentity,
    private readonly config: ServerConfig,
    private readonly records: Records,
    private readonly osg: Osg,
    private readonly relay: PushRelay,
    private readonly due: DueGroups,
    private readonly clock: Clock,
    private readonly random: Random,
  ) {}

  /**
   * Makes a change, or finds that it was made.
   * @param from URI of the caller; absent for what CSKMF does of its own accord
   * @throws CpnsError what the change throws; DEPENDENCY_UNAVAILABLE and DEADLINE: the same call goes on with it; CONFLICT
   */
  async make(change: Change, from?: string): Promise<KeyedGroupRecord> {
    const aggregate = groupAggregate(change.groupId);
    const startedAt = this.clock.now();
    for (let others = 0; others < OTHERS_MAX; others++) {
      const state = await this.records.snapshot(aggregate, WANTED);
      const begun = await this.#begin(change, state);
      if (begun.kind === 'again') continue;
      if (begun.kind === 'other') {
        await this.#finishOther(change.groupId, begun.pending);
        continue;
      }
      const flow = begun.kind === 'done' ? change.flowOf(begun.group) : begun.pending.flow;
      if (from !== undefined || begun.kind !== 'done')
        emitStep({ flow, step: 1, from: from ?? this.own.uri, to: this.own.uri, carried: change.carried, startedAt });
      return begun.kind === 'done' ? begun.group : this.#carryOut(change.groupId, begun.pending);
    }
    throw new CpnsError('CONFLICT', 'too many changes of this group are under way: try again');
  }

  async #begin(change: Change, seen: Snapshot<typeof WANTED>): Promise<Begun> {
    const { head, pending } = seen.found;
    const checked = pending === undefined && !change.isDone(head) ? await change.check() : undefined;
    const flow = change.flowOf(head);
    return withinStep({ flow, step: 2 }, () => {
      const reserved = {
        flow,
        requestId: this.random.bytes(REQUEST_ID_BYTES),
        traceparent: lastStep() || currentTraceparent(),
      };
      const decide = (found: State) => this.#decide(change, { ...reserved, checked }, found);
      return this.records.transact(groupAggregate(change.groupId), WANTED, decide, seen);
    });
  }

  #decide(
    change: Change,
    {
      checked,
      ...reserved
    }: Pick<PendingRecord, 'flow' | 'requestId' | 'traceparent'> & { readonly checked: Checked | undefined },
    { head, pending }: State,
  ): Decision<typeof WANTED, Begun> {
    if (pending !== undefined) {
      const kind = pending.changeDigest.equals(change.changeDigest) ? 'ours' : 'other';
      return { result: { kind, pending } };
    }
    if (change.isDone(head) && head !== undefined) return { result: { kind: 'done', group: head } };
    if (checked === undefined) return { result: { kind: 'again' } };
    const begun = change.begin(head);
    const ours: PendingRecord = { ...begun.pending, ...checked, ...reserved, changeDigest: change.changeDigest };
    const put = { pending: ours, ...(begun.head && { head: begun.head }) };
    return { result: { kind: 'ours', pending: ours }, put };
  }

  /** Another call's change, which died or is still at it, goes on in its own trace. */
  async #finishOther(groupId: string, pending: PendingRecord): Promise<void> {
    try {
      await withTraceparent(pending.traceparent, () =>
        withStepChain(pending.traceparent, () => this.#carryOut(groupId, pending)),
      );
    } catch (error) {
      // it was taken back, which is that caller's answer and not ours
      if (!(error instanceof CpnsError) || error.reason !== 'ALREADY_EXISTS') throw error;
    }
  }

  /**
   * Steps 2 to 5, repeated until they are done.
   * @returns the group after the change, or after what another call did to it meanwhile
   * @throws CpnsError DEPENDENCY_UNAVAILABLE, DEADLINE: to be called again; ALREADY_EXISTS for a group-id that the KMC has
   *   seen before, and nothing is left of the change; INTERNAL when the KMC contradicts this Server
   */
  async #carryOut(groupId: string, pending: PendingRecord): Promise<KeyedGroupRecord> {
    const { uri } = this.own;
    const { flow } = pending;
    emitStep({ flow, step: 2, from: uri, to: uri, carried: flow === 'GK-DELETE' ? ['group_id'] : ['description'] });
    if (flow === 'GK-DELETE') return this.#endGroup(groupId, pending);
    return pending.kept === undefined ? this.#addVersion(groupId, pending) : this.#keepVersion(groupId, pending);
  }

  /** Those who join get a version that is there. */
  #keepVersion(groupId: string, pending: PendingRecord): Promise<KeyedGroupRecord> {
    return withinStep({ flow: pending.flow, step: 5 }, async () => {
      await recordRecipients(this.records, this.clock, groupId, pending);
      return this.#finish(groupId, pending, (head) => withMembership(head, pending));
    });
  }

  async #addVersion(groupId: string, pending: PendingRecord): Promise<KeyedGroupRecord> {
    const { uri } = this.own;
    const { flow, previous, requestId } = pending;
    const version = versionFrom(pending);
    const commitment = await this.osg
      .createVersion({ flow, groupId, previous, requestId }, (groupKey) =>
        deriveGroupKeyCommitment(groupKey, groupId, version),
      )
      .catch((error: unknown) => this.#giveUp(groupId, pending, error));
    emitStep({ flow, step: 5, from: uri, to: uri, carried: ['group_key', 'version'] });
    return withinStep({ flow, step: 5 }, async () => {
      await recordRecipients(this.records, this.clock, groupId, pending);
      return this.#finish(groupId, pending, (head) => {
        const times = { serverDelay: this.config.activationDelay, now: this.clock.now() };
        return withNewVersion(head, pending, { version, commitment }, times);
      });
    });
  }

  async #endGroup(groupId: string, pending: PendingRecord): Promise<KeyedGroupRecord> {
    const { uri } = this.own;
    await this.osg.destroyGroup(groupId);
    emitStep({ flow: 'GK-DELETE', step: 5, from: uri, to: uri, carried: ['statement'] });
    return withinStep({ flow: 'GK-DELETE', step: 5 }, () =>
      this.#finish(groupId, pending, (head) => {
        if (head === undefined) throw new CpnsError('INTERNAL', 'a group that ends has a head');
        return { ...head, versions: [] };
      }),
    );
  }

  async #finish(
    groupId: string,
    pending: PendingRecord,
    after: (head: KeyedGroupRecord | undefined) => KeyedGroupRecord,
  ): Promise<KeyedGroupRecord> {
    const aggregate = groupAggregate(groupId);
    const group = await this.records.transact(
      aggregate,
      TO_FINISH,
      (found): Decision<typeof TO_FINISH, KeyedGroupRecord> => {
        if (!isSame(found.pending, pending)) return { result: headOf(found.head) };
        const next = after(found.head);
        const tasks = tasksAfter(next, pending);
        const ended = next.versions.length === 0 ? (found.head?.versions ?? []) : [];
        return {
          result: next,
          put: { head: next, pending: null, ...(ended.length > 0 && { retired: withRetired(found.retired, ended) }) },
          ...(tasks.length > 0 && { append: tasks.map((task) => outboxEntry(task.id, encodeTask(task))) }),
        };
      },
    );
    this.relay.wake(aggregate);
    if (group.description.updatePeriod > 0) this.due.add(groupId);
    return group;
  }

  /** A group-id that only the KMC remembers can have no key again: the change that wanted one is taken back. */
  async #giveUp(groupId: string, pending: PendingRecord, error: unknown): Promise<never> {
    if (error instanceof CpnsError && error.reason === 'ALREADY_EXISTS')
      await this.records.transact(groupAggregate(groupId), { pending: at(PENDING) }, (found) =>
        isSame(found.pending, pending) ? { result: undefined, put: { pending: null } } : { result: undefined },
      );
    throw error;
  }
}

function headOf(head: KeyedGroupRecord | undefined): KeyedGroupRecord {
  if (head === undefined) throw new CpnsError('CONFLICT', 'the change was taken back meanwhile: try again');
  return head;
}
