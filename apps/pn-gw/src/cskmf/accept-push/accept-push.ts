/** FLOW-PUSH, GK-UPDATE-M and GK-DELETE, step 8 at the gateway (GK-PUSH): the Server's CSKMF pushes, SECA keeps and passes on. */
import {
  type GatewayGroupKeyDelivery,
  checkGatewayGroupKeyDelivery,
  type CheckedGatewayDelivery,
} from '@cpns/contracts';
import { failedPrecondition, isRefusal } from '@cpns/core';
import { endsGroup, type Statement } from '@cpns/group-key';
import {
  beginStep,
  linkTo,
  Logger,
  withinStep,
  withStepChain,
  withTraceparent,
  type CarriedField,
} from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { OwnGateway } from '../../common/own-gateway';
import { ServerClients } from '../../peers/server-clients';
import { GroupMutex } from '../../service-group/group-mutex';
import { KnownGroups, noticedStep, type KnownGroup } from '../../service-group/known-group';
import type { NoticeRecord } from '../../service-group/records';
import { Statements } from '../../service-group/statements';
import { Envelopes } from '../envelopes';
import { GroupKeyHub } from '../watch-group-keys/group-key-hub';
import { HeldPushes, type WaitingPush } from './held-pushes';

const ENVELOPES: readonly CarriedField[] = ['statement', 'envelopes'];

/** Which flow a push belongs to, from what it says. */
function flowOf(statement: Statement): 'FLOW-PUSH' | 'GK-UPDATE-M' | 'GK-DELETE' {
  if (endsGroup(statement)) return 'GK-DELETE';
  return statement.previous === 0n ? 'FLOW-PUSH' : 'GK-UPDATE-M';
}

/** True once the notice of the membership that a push is made for, or of the group's end, has come. */
const isNoticed = (notice: NoticeRecord | undefined, statement: Statement): boolean =>
  notice !== undefined && (notice.deleted || (!endsGroup(statement) && statement.version <= notice.keyVersion));

@Injectable()
export class AcceptPush {
  constructor(
    private readonly own: OwnGateway,
    private readonly server: ServerClients,
    private readonly groups: KnownGroups,
    private readonly statements: Statements,
    private readonly mutex: GroupMutex,
    private readonly envelopes: Envelopes,
    private readonly held: HeldPushes,
    private readonly hub: GroupKeyHub,
    private readonly logger: Logger,
  ) {}

  /**
   * Resolves when the push is kept, or waits for its notice.
   * @param traceparent of what caused it
   * @throws CpnsError a field's reason; SIGNATURE_INVALID and the others of {@link Statements}; PN_MISMATCH
   */
  async execute(message: GatewayGroupKeyDelivery, traceparent: string): Promise<void> {
    const delivery = this.check(message);
    const { statement } = delivery.signed;
    await this.mutex.run(statement.groupId, async () => {
      const group = await this.groups.read(statement.groupId);
      if (isNoticed(group.notice, statement)) await this.accept(delivery, group);
      else await this.held.hold(statement, message, traceparent);
    });
  }

  /** Accepts what waited for a notice that has come now. Called in the group's turn. */
  async release(groupId: string): Promise<void> {
    for (const waiting of await this.held.of(groupId)) {
      const group = await this.groups.read(groupId);
      const delivery = this.check(waiting.delivery);
      if (!isNoticed(group.notice, delivery.signed.statement)) continue;
      await this.acceptWaiting(waiting, delivery, group);
      await this.held.remove(waiting);
    }
  }

  private async acceptWaiting(
    { traceparent, version }: WaitingPush,
    delivery: CheckedGatewayDelivery,
    group: KnownGroup,
  ) {
    try {
      await withTraceparent(traceparent, () => withStepChain(traceparent, () => this.accept(delivery, group)));
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const { groupId } = group;
      this.logger.warn('a push that waited is of no more use', {
        groupId,
        version: String(version),
        error,
      });
    }
  }

  private check(message: GatewayGroupKeyDelivery): CheckedGatewayDelivery {
    const delivery = checkGatewayGroupKeyDelivery(message);
    this.statements.check(delivery.signed, delivery.envelopes);
    return delivery;
  }

  /** Envelopes first, then the statement without which they are nothing: a crash in between is mended by doing it again. */
  private async accept({ signed, envelopes }: CheckedGatewayDelivery, group: KnownGroup): Promise<void> {
    const { own, server, statements } = this;
    const { statement } = signed;
    const { groupId, version } = statement;
    const ends = endsGroup(statement);
    if (group.notice?.deleted === true && !ends)
      throw failedPrecondition('GROUP_DELETED', 'a key of a group that was deleted is of no use');
    // refused before anything is kept
    statements.with(group.statements, signed);
    const flow = flowOf(statement);
    const noticed = linkTo(noticedStep(group.notice, statement));
    const step = beginStep({
      flow,
      step: 8,
      from: server.uri,
      to: own.uri,
      carried: ends ? ['statement'] : ENVELOPES,
      links: noticed === undefined ? [] : [noticed],
    });
    const told = await withinStep({ flow, step: 8 }, async () => {
      const kept = await this.envelopes.keepAll(groupId, version, envelopes);
      await statements.keep(signed, { traceparent: step.traceparent });
      return ends ? this.groups.members(groupId) : kept;
    });
    step.done();
    this.hub.publish(groupId, told);
  }
}
