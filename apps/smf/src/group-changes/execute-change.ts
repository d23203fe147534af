/** The second half of a change: what was proposed goes to CSKMF, and its answer decides (steps 1 to 6). */
import { type GroupKeyStatus, wireGroupDescription } from '@cpns/contracts';
import { Clock, CpnsError, duration, isRefusal, unavailable } from '@cpns/core';
import { outboxEntry, OutboxRelay } from '@cpns/delivery';
import { advanceGroup, type GroupEvent, joinedBy, leftBy } from '@cpns/group-key';
import { BackgroundLoop, OwnIdentity } from '@cpns/platform';
import { type Aggregate, at, expiring, type LogEntry, Records, Store } from '@cpns/store';
import {
  type CarriedField,
  currentTraceparent,
  emitStep,
  lastStep,
  Logger,
  withinStep,
  withStepChain,
  withTraceparent,
} from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { ServerLink } from '../peer-clients/server-link';
import { FanOutNotices } from './notices';
import {
  type ChangeFlow,
  GROUP,
  GROUP_KIND,
  groupAggregate,
  PENDING,
  type PendingRecord,
  pnsOf,
  REFUSAL,
  refusalName,
  type ServiceGroupRecord,
} from './groups';
import { Groups } from './read-groups';
import { nodesIn, StandingsTree } from './standings-tree';

/** CSKMF asks the KMC, and works through as many recipients as a change has. */
const CHANGE_MS = duration(15, 'second');
const LOOK_MS = duration(2, 'second');
/** What is left of the caller's deadline for our own answer, milliseconds. */
const MARGIN_MS = 200;

/** SMF's requests to CSKMF (5.3.1.12.6.1; GK-CREATE, GK-UPDATE-M, GK-DELETE): each idempotent there, so that it is repeated. */
@Injectable()
export class CskmfClient {
  constructor(
    private readonly server: ServerLink,
    private readonly clock: Clock,
  ) {}

  /** URI of the CPNS Server, whose CSKMF it is. */
  get uri(): string {
    return this.server.uri;
  }

  /** @param deadline of the caller, Unix milliseconds @throws CpnsError DEPENDENCY_UNAVAILABLE without a connection */
  async assertReachable(deadline: number): Promise<void> {
    const { server, clock } = this;
    try {
      await server.ready(Math.min(LOOK_MS, deadline - clock.now() - MARGIN_MS));
    } catch (error) {
      throw unavailable('DEPENDENCY_UNAVAILABLE', 'the CPNS Server does not answer; nothing was changed, try again', {
        metadata: { dependency: server.uri },
        cause: error,
      });
    }
  }

  /**
   * Asks CSKMF for what a change needs.
   * @param over aborted when the service stops: what waits for the Server then waits for the next start
   * @returns the newest version of the Group Key
   * @throws CpnsError what CSKMF refuses it with (`isRefusal`); DEPENDENCY_UNAVAILABLE and others, to be tried again
   */
  async ask(
    { description, keyVersion }: ServiceGroupRecord,
    { flow, revision, moves }: PendingRecord,
    over: AbortSignal,
  ): Promise<bigint> {
    const { groupId } = description;
    const { groupKeys } = this.server;
    const options = { deadlineMs: CHANGE_MS, signal: over };
    const joined = [...joinedBy(moves)];
    if (flow === 'GK-DELETE') {
      const { status } = await groupKeys.deleteGroupKey({ groupId }, options);
      return versionIn(status, { groupId, deleted: true }) ?? keyVersion;
    }
    const { status } =
      flow === 'GK-UPDATE-M'
        ? await groupKeys.updateGroupKey(
            { groupId, membershipRevision: revision, joined, left: [...leftBy(moves)] },
            options,
          )
        : await groupKeys.createGroupKey(
            { description: wireGroupDescription(description), members: joined, membershipRevision: revision },
            options,
          );
    const version = versionIn(status, { groupId, membershipRevision: revision, deleted: false });
    if (version === undefined || version <= keyVersion) throw unexpected('no newer version of the Group Key');
    return version;
  }
}

/** The newest version that an answer names; the answer has to be to the request. */
function versionIn(status: GroupKeyStatus | undefined, expected: Partial<GroupKeyStatus>): bigint | undefined {
  if (status === undefined) throw unexpected('no status');
  for (const [field, value] of Object.entries(expected))
    if (status[field as keyof GroupKeyStatus] !== value) throw unexpected(`another ${field}`);
  return status.versions.at(-1)?.version;
}

const unexpected = (what: string) => new CpnsError('INTERNAL', `CSKMF’s answer is not to the request: ${what}`);

const NOTHING = Buffer.alloc(0);
/** How long a call may ask why its change was taken back, milliseconds: longer than any call waits. */
const REFUSAL_KEPT_FOR = duration(10, 'minute');

@Injectable()
export class ExecuteChange {
  constructor(
    private readonly records: Records,
    private readonly groups: Groups,
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
    const startedAt = this.clock.now();
    let keyVersion: bigint;
    try {
      keyVersion = await withinStep({ flow, step: 1 }, () => this.cskmf.ask(group, pending, over));
    } catch (error) {
      // UNAUTHENTICATED is about the certificates of the connection, not about the change
      if (!isRefusal(error) || error.code === 'UNAUTHENTICATED') throw error;
      return withinStep({ flow, step: 1 }, () => this.#takeBack(group.description.groupId, pending, error));
    }
    emitStep({ flow, step: 6, from: this.cskmf.uri, to: this.own.uri, carried: CARRIED[flow], startedAt });
    await withinStep({ flow, step: 6 }, () => this.#apply(group.description.groupId, pending, keyVersion));
  }

  /** The change holds from here on; its notices are in the outbox. */
  async #apply(groupId: string, { changeId, flow, revision, size, moves }: PendingRecord, keyVersion: bigint) {
    const lastChange = { flow, traceparent: lastStep() || currentTraceparent(), pnsLeft: pnsOf(leftBy(moves)) };
    const entities = moves.map(({ entity }) => entity);
    await this.groups.withStandings(groupId, entities, (nodes) => {
      const wanted = { ...nodes, group: at(GROUP), pending: at(PENDING) };
      return this.records.transact(groupAggregate(groupId), wanted, (found) => {
        const { group, pending } = found;
        if (group === undefined || pending?.changeId !== changeId) return { result: undefined };
        const state = advanceGroup(group.state, OUTCOME[flow]);
        const { standings, puts } = new StandingsTree(group.standings ?? 0, nodesIn(nodes, found)).puts(moves);
        return {
          result: undefined,
          put: {
            ...puts,
            group: { ...group, state, revision, size, keyVersion, lastChange, standings },
            pending: null,
          },
          append: [outboxEntry(`notices.${revision}`, NOTHING)],
        };
      });
    });
  }

  /** All is as before; of a group that was to be made nothing is left. */
  async #takeBack(groupId: string, { changeId, flow }: PendingRecord, error: CpnsError): Promise<void> {
    const { reason, message, metadata } = error;
    this.logger.info('CSKMF refused a change', { group: groupId, flow, reason });
    const wanted = { group: at(GROUP), pending: at(PENDING), refusal: at(REFUSAL, refusalName(changeId)) };
    await this.records.transact(groupAggregate(groupId), wanted, ({ group, pending }) => {
      if (group === undefined || pending?.changeId !== changeId) return { result: undefined };
      const state = advanceGroup(group.state, 'refuse');
      const until = this.clock.now() + REFUSAL_KEPT_FOR;
      return {
        result: undefined,
        put: {
          group: state === 'absent' ? null : { ...group, state },
          pending: null,
          refusal: expiring({ reason, message, metadata }, until),
        },
      };
    });
  }
}

/** What CSKMF's consent is to the group. */
const OUTCOME: Readonly<Record<ChangeFlow, GroupEvent>> = {
  'FLOW-PULL': 'ready',
  'FLOW-PUSH': 'ready',
  'GK-UPDATE-M': 'ready',
  'GK-DELETE': 'gone',
};

const CARRIED: Readonly<Record<ChangeFlow, readonly CarriedField[]>> = {
  'FLOW-PULL': ['group_id', 'status', 'version', 'membership_revision'],
  'FLOW-PUSH': ['group_id', 'status', 'version', 'membership_revision'],
  'GK-UPDATE-M': ['group_id', 'status', 'version', 'membership_revision'],
  'GK-DELETE': ['group_id', 'status', 'deleted'],
};

const ENTRY = /^(?:change\.(?<changeId>[0-9a-f]{32})|notices\.(?<revision>[0-9]{1,16}))$/;

/** How long a call waits for a change that fails and is tried again. */
export abstract class Patience {
  abstract readonly milliseconds: number;
}
export const PATIENCE: Patience = { milliseconds: duration(5, 'second') };

/** Carries on what a group's outbox holds, in order: a change to CSKMF, then its notices to the gateways. */
@Injectable()
export class GroupOutbox extends BackgroundLoop {
  readonly #relay: OutboxRelay;

  constructor(
    store: Store,
    logger: Logger,
    private readonly changes: ExecuteChange,
    private readonly notices: FanOutNotices,
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

  /** As {@link OutboxRelay.drain}. */
  drain(group: Aggregate): Promise<void> {
    return this.#relay.drain(group);
  }

  async #carry({ id }: Aggregate, { dedupeId }: LogEntry): Promise<void> {
    const { changeId, revision } = ENTRY.exec(dedupeId)?.groups ?? {};
    // what waits for the Server when the service stops then waits for the next start
    if (changeId !== undefined) return this.changes.execute(id, changeId, this.over);
    if (revision !== undefined) return this.notices.execute(id, BigInt(revision));
    throw new CpnsError('STORED_RECORD_INVALID', 'an entry of an outbox is neither a change nor notices');
  }
}
