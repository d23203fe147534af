/** The second half of a change: what was proposed goes to CSKMF, and its answer decides (steps 1 to 6). */
import { Clock, CpnsError, duration, isRefusal } from '@cpns/core';
import { outboxEntry, OutboxRelay } from '@cpns/delivery';
import { advanceGroup, gaveUpPlace, type GroupEvent, leftBy, tookPlace } from '@cpns/group-key';
import { BackgroundLoop, OwnIdentity } from '@cpns/platform';
import { type Aggregate, at, expiring, type LogEntry, Records, Store } from '@cpns/store';
import {
  type CarriedField,
  currentTraceparent,
  emitStep,
  lastStep,
  Logger,
  withStepChain,
  withTraceparent,
} from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { CskmfClient } from './cskmf-client';
import {
  type ChangeFlow,
  type ChangeKind,
  descriptionRevisionOf,
  GROUP,
  GROUP_KIND,
  groupAggregate,
  PENDING,
  type PendingRecord,
  pnsOf,
  REFUSAL,
  refusalName,
  type ServiceGroupRecord,
  withinChangeStep,
} from './groups';
import { MemberRights, mayBeOvertaken } from './member-rights';
import { MembershipIndex } from './membership-index';
import { FanOutNotices } from './notices';
import { Groups } from './read-groups';
import { nodesIn, StandingsTree } from './standings-tree';

const NOTHING = Buffer.alloc(0);
/** How long a call may ask why its change was taken back, milliseconds: longer than any call waits. */
const REFUSAL_KEPT_FOR = duration(10, 'minute');

@Injectable()
export class ExecuteChange {
  constructor(
    private readonly records: Records,
    private readonly groups: Groups,
    private readonly index: MembershipIndex,
    private readonly rights: MemberRights,
    private readonly cskmf: CskmfClient,
    private readonly own: OwnIdentity,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /**
   * Executes a proposed change, in the trace of the call that proposed it. One that was executed before, by another
   * replica or before a crash, is gone.
   * @param over aborted when the service stops
   * @throws CpnsError when CSKMF gave no definite answer: it is to be asked again
   */
  async execute(groupId: string, changeId: string, over: AbortSignal): Promise<void> {
    const wanted = { group: at(GROUP), pending: at(PENDING) };
    const { group, pending } = await this.records.read(groupAggregate(groupId), wanted);
    if (group !== undefined && pending?.changeId === changeId) {
      const { traceparent } = pending;
      await withTraceparent(traceparent, () => withStepChain(traceparent, () => this.#carry(group, pending, over)));
    }
  }

  async #carry(group: ServiceGroupRecord, pending: PendingRecord, over: AbortSignal): Promise<void> {
    const { flow } = pending;
    const { groupId } = group.description;
    const startedAt = this.clock.now();
    let keyVersion: bigint;
    try {
      keyVersion = await withinChangeStep(flow, 1, () => this.#ask(group, pending, over));
    } catch (error) {
      // UNAUTHENTICATED is about the certificates of the connection, not about the change
      if (!isRefusal(error) || error.code === 'UNAUTHENTICATED') throw error;
      return withinChangeStep(flow, 1, () => this.#takeBack(groupId, pending, error));
    }
    if (flow !== 'parameters')
      emitStep({ flow, step: 6, from: this.cskmf.uri, to: this.own.uri, carried: CARRIED[flow], startedAt });
    await withinChangeStep(flow, 6, () => this.#apply(groupId, pending, keyVersion));
  }

  async #ask(group: ServiceGroupRecord, pending: PendingRecord, over: AbortSignal): Promise<bigint> {
    if (mayBeOvertaken(pending)) await this.#beginAsking(group, pending);
    // before CSKMF looks at their keys: an end that it does not see yet finds the group there
    await this.index.add(group.description.groupId, pending, tookPlace(pending.moves));
    return this.cskmf.ask(group, pending, over);
  }

  /** @throws CpnsError REQUEST_OVERTAKEN, by which the change is taken back */
  async #beginAsking({ description: { groupId } }: ServiceGroupRecord, pending: PendingRecord): Promise<void> {
    await this.rights.assertCurrent(pending);
    await this.records.transact(groupAggregate(groupId), { pending: at(PENDING) }, (found) => {
      if (found.pending?.changeId !== pending.changeId) return { result: undefined };
      return { result: undefined, put: { pending: { ...found.pending, asked: true } } };
    });
  }

  /** The change holds from here on; what follows from it is in the outbox. */
  async #apply(groupId: string, proposed: PendingRecord, keyVersion: bigint): Promise<void> {
    const { changeId, moves } = proposed;
    const traceparent = lastStep() || currentTraceparent();
    const entities = moves.map(({ entity }) => entity);
    await this.groups.withStandings(groupId, entities, (nodes) => {
      const wanted = { ...nodes, group: at(GROUP), pending: at(PENDING) };
      return this.records.transact(groupAggregate(groupId), wanted, (found) => {
        const { group, pending } = found;
        if (group === undefined || pending?.changeId !== changeId) return { result: undefined };
        const { standings, puts } = new StandingsTree(group.standings ?? 0, nodesIn(nodes, found)).puts(moves);
        return {
          result: undefined,
          put: { ...puts, group: { ...changed(group, proposed, keyVersion, traceparent), standings }, pending: null },
          append: followUps(proposed),
        };
      });
    });
  }

  /** All is as before; of a group that was to be made nothing is left. */
  async #takeBack(groupId: string, proposed: PendingRecord, error: CpnsError): Promise<void> {
    const { changeId, flow, moves } = proposed;
    const { reason, message, metadata } = error;
    this.logger.info('a change was refused', { group: groupId, flow, reason });
    const wanted = { group: at(GROUP), pending: at(PENDING), refusal: at(REFUSAL, refusalName(changeId)) };
    const isTakenBack = await this.records.transact(groupAggregate(groupId), wanted, ({ group, pending }) => {
      if (group === undefined || pending?.changeId !== changeId) return { result: false };
      // another replica found that it may be made: CSKMF may have made it
      if (reason === 'REQUEST_OVERTAKEN' && pending.asked === true) throw new CpnsError('CONFLICT', message);
      const state = advanceGroup(group.state, 'refuse');
      const until = this.clock.now() + REFUSAL_KEPT_FOR;
      return {
        result: true,
        put: {
          group: state === 'absent' ? null : { ...group, state },
          pending: null,
          refusal: expiring({ reason, message, metadata }, until),
        },
      };
    });
    if (isTakenBack) await this.index.takeBack(groupId, proposed, tookPlace(moves));
  }
}

/** The group once CSKMF agreed. An update by time may have come before its answer. */
function changed(
  group: ServiceGroupRecord,
  { flow, revision, size, moves, description }: PendingRecord,
  answered: bigint,
  traceparent: string,
): ServiceGroupRecord {
  const state = advanceGroup(group.state, OUTCOME[flow]);
  const keyVersion = answered > group.keyVersion ? answered : group.keyVersion;
  if (flow === 'parameters') {
    const descriptionRevision = descriptionRevisionOf(group) + 1n;
    return { ...group, description: description ?? group.description, descriptionRevision };
  }
  const lastChange = { flow, traceparent, pnsLeft: pnsOf(leftBy(moves)) };
  return { ...group, state, revision, size, keyVersion, lastChange };
}

/** Parameters reach the gateways with the next notice. */
function followUps({ flow, revision, moves, cause }: PendingRecord) {
  if (flow === 'parameters') return [];
  // an end has an index of its own
  const left = cause === 'end' ? [] : gaveUpPlace(moves);
  const notices = outboxEntry(`notices.${revision}`, NOTHING);
  return left.length === 0 ? [notices] : [notices, outboxEntry(`left.${revision}`, Buffer.from(JSON.stringify(left)))];
}

/** What CSKMF's consent is to the group. */
const OUTCOME: Readonly<Record<ChangeKind, GroupEvent>> = {
  'FLOW-PULL': 'ready',
  'FLOW-PUSH': 'ready',
  'GK-UPDATE-M': 'ready',
  'GK-DELETE': 'gone',
  parameters: 'ready',
};

const CARRIED: Readonly<Record<ChangeFlow, readonly CarriedField[]>> = {
  'FLOW-PULL': ['group_id', 'status', 'version', 'membership_revision'],
  'FLOW-PUSH': ['group_id', 'status', 'version', 'membership_revision'],
  'GK-UPDATE-M': ['group_id', 'status', 'version', 'membership_revision'],
  'GK-DELETE': ['group_id', 'status', 'deleted'],
};

const ENTRY =
  /^(?:change\.(?<changeId>[0-9a-f]{32})|notices\.(?<revision>\d{1,16})(?<byTime>\.\d{1,16})?|left\.(?<leftAt>\d{1,16}))$/;

/** How long a call waits for a change that fails and is tried again. */
export abstract class Patience {
  abstract readonly milliseconds: number;
}
export const PATIENCE: Patience = { milliseconds: duration(5, 'second') };

/** Carries on what a group's outbox holds, in order: a change to CSKMF, its notices to the gateways, the index of who left. */
@Injectable()
export class GroupOutbox extends BackgroundLoop {
  readonly #relay: OutboxRelay;

  constructor(
    store: Store,
    logger: Logger,
    private readonly changes: ExecuteChange,
    private readonly notices: FanOutNotices,
    private readonly index: MembershipIndex,
    patience: Patience,
  ) {
    super();
    this.#relay = new OutboxRelay({
      store,
      kind: GROUP_KIND,
      carry: (aggregate, entry) => this.#carry(aggregate, entry),
      // calls wait for it
      backoff: { first: 200, longest: duration(2, 'second') },
      patience: patience.milliseconds,
      onFailure: ({ id }, error, retryIn) =>
        logger.warn('a change of a group was not carried on', { group: id, error, retryInMs: retryIn }),
    });
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#relay.run(signal);
  }

  /** Resolves when a change that was proposed has been executed. @throws as {@link OutboxRelay.carried} */
  executed(groupId: string, changeId: string): Promise<void> {
    return this.#relay.carried(groupAggregate(groupId), `change.${changeId}`);
  }

  /** As {@link OutboxRelay.wake}. */
  wake(groupId: string): void {
    this.#relay.wake(groupAggregate(groupId));
  }

  /** As {@link OutboxRelay.drain}. */
  drain(group: Aggregate): Promise<void> {
    return this.#relay.drain(group);
  }

  async #carry({ id }: Aggregate, { dedupeId, value }: LogEntry): Promise<void> {
    const { changeId, revision, byTime, leftAt } = ENTRY.exec(dedupeId)?.groups ?? {};
    // what waits for the Server when the service stops then waits for the next start
    if (changeId !== undefined) return this.changes.execute(id, changeId, this.over);
    if (revision !== undefined)
      return this.notices.execute(id, BigInt(revision), byTime === undefined ? 'change' : 'time');
    if (leftAt !== undefined)
      return this.index.remove(id, BigInt(leftAt), JSON.parse(value.toString('utf8')) as string[]);
    throw new CpnsError('STORED_RECORD_INVALID', 'an entry of an outbox is neither a change nor what follows from one');
  }
}
