/** The part of a change that is repeated until it is done. */
import { Clock, CpnsError } from '@cpns/core';
import { deriveGroupKeyCommitment } from '@cpns/group-key';
import { outboxEntry } from '@cpns/delivery';
import { OwnIdentity } from '@cpns/platform';
import { at, Records, type Decision } from '@cpns/store';
import { emitStep, withinStep } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { ServerConfig } from '../../config';
import { Osg } from '../../osg/osg';
import { PushRelay } from '../push-group-key/push-relay';
import { encodeTask, type RelayTask } from '../push-group-key/relay-task';
import {
  GROUP,
  groupAggregate,
  PENDING,
  RETIRED_VERSIONS,
  RETIRED_VERSIONS_MAX,
  type GroupKeyVersion,
  type KeyedGroupRecord,
  type PendingRecord,
} from '../records';
import { sealUntilOf } from '../versions';
import { recordRecipients } from './record-recipients';

const WANTED = { head: at(GROUP), pending: at(PENDING), retired: at(RETIRED_VERSIONS) };

/** The one that was read, and not one that came after it. */
const isSame = (a: PendingRecord | undefined, b: PendingRecord): a is PendingRecord =>
  a?.requestId.equals(b.requestId) ?? false;

@Injectable()
export class FinishChange {
  constructor(
    private readonly own: OwnIdentity,
    private readonly config: ServerConfig,
    private readonly records: Records,
    private readonly osg: Osg,
    private readonly relay: PushRelay,
    private readonly clock: Clock,
  ) {}

  /**
   * Steps 2 to 5.
   * @returns the group after the change, or after what another call did to it meanwhile
   * @throws CpnsError DEPENDENCY_UNAVAILABLE, DEADLINE: to be called again; ALREADY_EXISTS for a group-id that the KMC has
   *   seen before, and nothing is left of the change; INTERNAL when the KMC contradicts this Server
   */
  async execute(groupId: string, pending: PendingRecord): Promise<KeyedGroupRecord> {
    const { uri } = this.own;
    const { flow } = pending;
    emitStep({ flow, step: 2, from: uri, to: uri, carried: flow === 'GK-DELETE' ? ['group_id'] : ['description'] });
    return flow === 'GK-DELETE' ? this.#endGroup(groupId, pending) : this.#addVersion(groupId, pending);
  }

  async #addVersion(groupId: string, pending: PendingRecord): Promise<KeyedGroupRecord> {
    const { uri } = this.own;
    const { flow, previous, requestId } = pending;
    const version = previous + 1n;
    const commitment = await this.osg
      .createVersion({ flow, groupId, previous, requestId }, (groupKey) =>
        deriveGroupKeyCommitment(groupKey, groupId, version),
      )
      .catch((error: unknown) => this.#giveUp(groupId, pending, error));
    emitStep({ flow, step: 5, from: uri, to: uri, carried: ['group_key', 'version'] });
    return withinStep({ flow, step: 5 }, async () => {
      await recordRecipients(this.records, this.clock, groupId, pending);
      return this.#finish(groupId, pending, (head) => this.#withVersion(head, pending, { version, commitment }));
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

  /** The group with its new version, which is given to its recipients from this commit on. */
  #withVersion(
    head: KeyedGroupRecord | undefined,
    { description, membershipRevision, changeDigest, previous }: PendingRecord,
    { version, commitment }: Pick<GroupKeyVersion, 'version' | 'commitment'>,
  ): KeyedGroupRecord {
    const now = this.clock.now();
    const activateAt = previous === 0n ? now : now + this.config.activationDelay;
    const sealUntil = sealUntilOf({ description }, activateAt, now);
    const added = { version, previous, activateAt, sealUntil, commitment };
    return {
      description,
      membershipRevision,
      changeDigest,
      newest: version,
      versions: [...(head?.versions ?? []), added],
    };
  }

  async #finish(
    groupId: string,
    pending: PendingRecord,
    after: (head: KeyedGroupRecord | undefined) => KeyedGroupRecord,
  ): Promise<KeyedGroupRecord> {
    const aggregate = groupAggregate(groupId);
    const group = await this.records.transact(aggregate, WANTED, (found): Decision<typeof WANTED, KeyedGroupRecord> => {
      if (!isSame(found.pending, pending)) return { result: headOf(found.head) };
      const next = after(found.head);
      const task = taskOf(next);
      const ended = next.versions.length === 0 ? (found.head?.versions ?? []) : [];
      const retired = [...(found.retired?.versions ?? []), ...ended.map(withoutCommitment)];
      return {
        result: next,
        put: {
          head: next,
          pending: null,
          ...(ended.length > 0 && { retired: { versions: retired.slice(-RETIRED_VERSIONS_MAX) } }),
        },
        ...(task && { append: [outboxEntry(task.id, encodeTask(task))] }),
      };
    });
    this.relay.wake(aggregate);
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

/** What the relay has to carry to the gateways: in a pull group only the end. */
function taskOf({ description, newest, deletedAt }: KeyedGroupRecord): RelayTask | undefined {
  if (deletedAt !== undefined) return { kind: 'end', id: 'end', version: newest };
  return description.delivery === 'push' ? { kind: 'push', id: `push.${newest}`, version: newest } : undefined;
}

export const withoutCommitment = ({ version, previous, activateAt, sealUntil }: GroupKeyVersion) => ({
  version,
  previous,
  activateAt,
  sealUntil,
});

function headOf(head: KeyedGroupRecord | undefined): KeyedGroupRecord {
  if (head === undefined) throw new CpnsError('CONFLICT', 'the change was taken back meanwhile: try again');
  return head;
}
