/** Group Keys that the Server's CSKMF pushes to the gateway: FLOW-PUSH, GK-UPDATE-M, GK-UPDATE-T and GK-DELETE, step 8. */
import {
  type CheckedGatewayDelivery,
  checkGatewayGroupKeyDelivery,
  type GatewayGroupKeyDelivery,
} from '@cpns/contracts';
import { failedPrecondition, forEach, isRefusal } from '@cpns/core';
import { endsGroup, type Statement } from '@cpns/group-key';
import {
  beginStep,
  type CarriedField,
  linkTo,
  Logger,
  withinStep,
  withStepChain,
  withTraceparent,
} from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { OwnGateway } from '../common/own-gateway';
import { ServerClients } from '../peers/peer-clients';
import { type KnownGroup, KnownGroups, type NoticeRecord, statementOf } from '../service-group/known-groups';
import { noticedAs } from '../service-group/notices';
import { type Arrival, Statements } from '../service-group/statements';
import { Envelopes, GroupKeyHub, HeldPushes, type WaitingPush } from './envelopes';

/** Which flow a push belongs to, from what it says and from its notice. */
function flowOf(statement: Statement, notice: NoticeRecord | undefined) {
  if (endsGroup(statement)) return 'GK-DELETE';
  if (statement.previous === 0n) return 'FLOW-PUSH';
  return noticedAs(notice, statement)?.isRotation === true ? 'GK-UPDATE-T' : 'GK-UPDATE-M';
}

const carriedIn = ({ envelopes, more, part }: CheckedGatewayDelivery): readonly CarriedField[] =>
  envelopes.length > 0 || more || part > 0 ? ['statement', 'envelopes'] : ['statement'];

/** True once the notice of the membership that a push is made for, or of the group's end, has come. */
const isNoticed = (notice: NoticeRecord | undefined, statement: Statement): boolean =>
  notice !== undefined && (notice.deleted || (!endsGroup(statement) && statement.version <= notice.keyVersion));

/** GK-PUSH at the gateway: CSKMF pushes, SECA keeps and passes on. */
@Injectable()
export class AcceptPush {
  constructor(
    private readonly own: OwnGateway,
    private readonly server: ServerClients,
    private readonly groups: KnownGroups,
    private readonly statements: Statements,
    private readonly envelopes: Envelopes,
    private readonly held: HeldPushes,
    private readonly hub: GroupKeyHub,
    private readonly logger: Logger,
  ) {}

  /**
   * Resolves when the push is kept, or waits for its notice. An emergency takes effect at once, and waits all the same: its
   * notice may name members who join with it.
   * @param traceparent of what caused it
   * @throws CpnsError a field's reason; SIGNATURE_INVALID and the others of {@link Statements}; PN_MISMATCH
   */
  async execute(message: GatewayGroupKeyDelivery, traceparent: string): Promise<void> {
    const delivery = this.check(message);
    const { statement } = delivery.signed;
    await this.groups.mutex.run(statement.groupId, async () => {
      const group = await this.groups.read(statement.groupId);
      if (isNoticed(group.notice, statement)) return this.accept(delivery, group);
      if (this.statements.isEmergency(statement)) await this.alert(delivery, group, traceparent);
      await this.held.hold(statement, message, traceparent);
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

  private async accept(delivery: CheckedGatewayDelivery, group: KnownGroup): Promise<void> {
    const { own, server } = this;
    const { statement } = delivery.signed;
    if (group.notice?.deleted === true && !endsGroup(statement))
      throw failedPrecondition('GROUP_DELETED', 'a key of a group that was deleted is of no use');
    // refused before anything is kept
    this.statements.with(group.statements, delivery.signed);
    if (delivery.more) return void (await this.keepEnvelopes(delivery, group));
    const flow = flowOf(statement, group.notice);
    const noticed = linkTo(noticedAs(group.notice, statement)?.traceparent ?? '');
    const step = beginStep({
      flow,
      step: 8,
      from: server.uri,
      to: own.uri,
      carried: carriedIn(delivery),
      links: noticed === undefined ? [] : [noticed],
    });
    const told = await withinStep({ flow, step: 8 }, () =>
      this.keep(delivery, group, { traceparent: step.traceparent }),
    );
    step.done();
    this.hub.publish(group.groupId, told);
  }

  /** Nothing older opens any more: members hear of it before the notice comes. */
  private async alert(delivery: CheckedGatewayDelivery, group: KnownGroup, traceparent: string): Promise<void> {
    // refused before anything is kept
    this.statements.with(group.statements, delivery.signed);
    const step = { flow: flowOf(delivery.signed.statement, group.notice), step: 8 } as const;
    this.hub.publish(group.groupId, await withinStep(step, () => this.keep(delivery, group, { traceparent })));
  }

  /**
   * Envelopes first, then the statement without which they are nothing: a crash in between is mended by doing it again.
   * @returns E of each member that is to be told
   */
  private async keep(
    delivery: CheckedGatewayDelivery,
    group: KnownGroup,
    arrival: Arrival,
  ): Promise<readonly string[]> {
    const { groupId, statements } = group;
    const { signed, part, more } = delivery;
    const { statement } = signed;
    const isEmergency = this.statements.isEmergency(statement);
    const isAlarm = isEmergency && statementOf(group, statement.version)?.isEmergency !== true;
    const kept = await this.keepEnvelopes(delivery, group);
    // members of earlier parts hear with the last one that the statement is there
    const isForAll = endsGroup(statement) || isAlarm || (part > 0 && !more);
    const told = isForAll ? await this.groups.members(groupId) : kept;
    if (isAlarm) {
      const [oldest] = this.statements.with(statements, signed) ?? statements;
      await forEach(told, (entity) => this.envelopes.drop(entity, groupId, oldest?.statement.version));
    }
    await this.statements.keep(signed, { ...arrival, isEmergency });
    return told;
  }

  /** The notice of one who joins with the newest version that is noticed, or with a later one, may be on the way. */
  private keepEnvelopes({ signed, envelopes }: CheckedGatewayDelivery, { groupId, notice }: KnownGroup) {
    const { version } = signed.statement;
    return this.envelopes.keepAll(groupId, version, envelopes, version >= (notice?.keyVersion ?? 0n));
  }
}
