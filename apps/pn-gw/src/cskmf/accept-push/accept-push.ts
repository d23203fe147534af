/** FLOW-PUSH, GK-UPDATE-M and GK-DELETE, step 8 at the gateway (GK-PUSH): the Server's CSKMF pushes, SECA keeps and passes on. */
import {
  type GatewayGroupKeyDelivery,
  checkGatewayGroupKeyDelivery,
  type CheckedGatewayDelivery,
} from '@cpns/contracts';
import { failedPrecondition, type KeyedMutex } from '@cpns/core';
import { endsGroup, type Statement } from '@cpns/group-key';
import { emitStep, linkTo, withinStep, withStepChain, withTraceparent, type CarriedField } from '@cpns/telemetry';
import type { GatewayContext } from '../../context';
import { noticedStep, readGroup, type KnownGroup } from '../../groups/known-group';
import { allMembers } from '../../groups/paging';
import { isRefusal } from '../../groups/refusal';
import { groupAggregate, MEMBERS_SET, type NoticeRecord } from '../../records/group-records';
import type { Envelopes } from '../envelopes';
import type { Statements } from '../statements';
import type { GroupKeyHub } from '../watch-group-keys/group-key-hub';
import type { HeldPushes, WaitingPush } from './held-pushes';

/** What the parts of SECA share. */
export interface Seca {
  readonly gateway: GatewayContext;
  readonly statements: Statements;
  readonly envelopes: Envelopes;
  readonly hub: GroupKeyHub;
  /** By group-id: notices and pushes of a group come over two channels at once, and each decides on its state. */
  readonly groupMutex: KeyedMutex;
}

const ENVELOPES: readonly CarriedField[] = ['statement', 'envelopes'];

/** Which flow a push belongs to, from what it says. */
function flowOf(statement: Statement): 'FLOW-PUSH' | 'GK-UPDATE-M' | 'GK-DELETE' {
  if (endsGroup(statement)) return 'GK-DELETE';
  return statement.previous === 0n ? 'FLOW-PUSH' : 'GK-UPDATE-M';
}

/** True once the notice of the membership that a push is made for, or of the group's end, has come. */
const isNoticed = (notice: NoticeRecord | undefined, statement: Statement): boolean =>
  notice !== undefined && (notice.deleted || (!endsGroup(statement) && statement.version <= notice.keyVersion));

export class AcceptPush {
  constructor(
    private readonly seca: Seca,
    private readonly held: HeldPushes,
  ) {}

  /**
   * Resolves when the push is kept, or waits for its notice.
   * @param traceparent of what caused it
   * @throws CpnsError a field's reason; SIGNATURE_INVALID and the others of {@link Statements}; PN_MISMATCH
   */
  async execute(message: GatewayGroupKeyDelivery, traceparent: string): Promise<void> {
    const delivery = this.check(message);
    const { statement } = delivery.signed;
    await this.seca.groupMutex.run(statement.groupId, async () => {
      const group = await readGroup(this.seca.gateway, statement.groupId);
      if (isNoticed(group.notice, statement)) await this.accept(delivery, group);
      else await this.held.hold(statement, message, traceparent);
    });
  }

  /** Accepts what waited for a notice that has come now. Called in the group's turn. */
  async release(groupId: string): Promise<void> {
    for (const waiting of await this.held.of(groupId)) {
      const group = await readGroup(this.seca.gateway, groupId);
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
      this.seca.gateway.logger.warn('a push that waited is of no more use', {
        groupId,
        version: String(version),
        error,
      });
    }
  }

  private check(message: GatewayGroupKeyDelivery): CheckedGatewayDelivery {
    const delivery = checkGatewayGroupKeyDelivery(message);
    this.seca.statements.check(delivery.signed, delivery.envelopes);
    return delivery;
  }

  /** Envelopes first, then the statement without which they are nothing: a crash in between is mended by doing it again. */
  private async accept({ signed, envelopes }: CheckedGatewayDelivery, group: KnownGroup): Promise<void> {
    const { gateway, statements, hub } = this.seca;
    const { statement } = signed;
    const { groupId, version } = statement;
    const ends = endsGroup(statement);
    if (group.notice?.deleted === true && !ends)
      throw failedPrecondition('GROUP_DELETED', 'a key of a group that was deleted is of no use');
    // refused before anything is kept
    statements.with(group.statements, signed);
    const flow = flowOf(statement);
    const told = await withinStep({ flow, step: 8 }, async () => {
      const kept = await this.seca.envelopes.keepAll(groupId, version, envelopes);
      await statements.keep(signed);
      return ends ? allMembers(gateway.store, groupAggregate(groupId), MEMBERS_SET) : kept;
    });
    const noticed = linkTo(noticedStep(group.notice, statement));
    const step = emitStep({
      flow,
      step: 8,
      from: gateway.server.uri,
      to: gateway.name.uri,
      carried: ends ? ['statement'] : ENVELOPES,
      links: noticed === undefined ? [] : [noticed],
    });
    await withinStep({ flow, step: 8 }, () => statements.cameBy(groupId, version, step));
    hub.publish(groupId, told);
  }
}
