/** The second half of a change: what was proposed goes to CSKMF, and its answer decides (steps 1 to 6). */
import { Clock, duration, isRefusal, type CpnsError } from '@cpns/core';
import { outboxEntry } from '@cpns/delivery';
import { OwnIdentity } from '@cpns/platform';
import { at, expiring, Records } from '@cpns/store';
import { advanceGroup, leftBy, type GroupEvent } from '@cpns/group-key';
import {
  currentTraceparent,
  emitStep,
  lastStep,
  Logger,
  withinStep,
  withStepChain,
  withTraceparent,
  type CarriedField,
} from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import type { ChangeFlow } from '../common/change-flow';
import { CskmfClient, type KeyAnswer } from './cskmf-client';
import { pnsOf, setChanges } from './groups';
import {
  GROUP,
  groupAggregate,
  PENDING,
  REFUSAL,
  refusalName,
  type ServiceGroupRecord,
  type PendingRecord,
} from './records';

const NOTHING = Buffer.alloc(0);
/** How long a call may ask why its change was taken back, milliseconds: longer than any call waits. */
const REFUSAL_KEPT_FOR = duration(10, 'minute');

/** The log of notices to come: which revision of the group they are of. */
export const noticesId = (revision: bigint): string => `notices.${revision}`;

@Injectable()
export class ExecuteChange {
  constructor(
    private readonly records: Records,
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
    let answer: KeyAnswer;
    try {
      answer = await withinStep({ flow, step: 1 }, () => this.cskmf.ask(group, pending, over));
    } catch (error) {
      // UNAUTHENTICATED is about the certificates of the connection, not about the change
      if (!isRefusal(error) || error.code === 'UNAUTHENTICATED') throw error;
      return withinStep({ flow, step: 1 }, () => this.#takeBack(group.description.groupId, pending, error));
    }
    emitStep({ flow, step: 6, from: this.cskmf.uri, to: this.own.uri, carried: CARRIED[flow], startedAt });
    await withinStep({ flow, step: 6 }, () => this.#apply(group.description.groupId, pending, answer));
  }

  /** The change holds from here on; its notices are in the outbox. */
  async #apply(groupId: string, { changeId, flow, revision, size, moves }: PendingRecord, answer: KeyAnswer) {
    const lastChange = { flow, traceparent: lastStep() || currentTraceparent(), pnsLeft: pnsOf(leftBy(moves)) };
    const wanted = { group: at(GROUP), pending: at(PENDING) };
    await this.records.transact(groupAggregate(groupId), wanted, ({ group, pending }) => {
      if (group === undefined || pending?.changeId !== changeId) return { result: undefined };
      const state = advanceGroup(group.state, OUTCOME[flow]);
      return {
        result: undefined,
        put: { group: { ...group, state, revision, size, keyVersion: answer.version, lastChange }, pending: null },
        ...setChanges(moves),
        append: [outboxEntry(noticesId(revision), NOTHING)],
      };
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
