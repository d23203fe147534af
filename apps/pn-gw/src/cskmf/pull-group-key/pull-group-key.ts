/** GK-PULL steps 2 to 4: a member asks the gateway for its envelope, which holds it or asks the Server. */
import {
  type GroupKeyDelivery,
  type PnGatewayServicePullGroupKeyRequest,
  checkGatewayGroupKeyDelivery,
  groupKeyDelivery,
} from '@cpns/contracts';
import { Clock, CpnsError, failedPrecondition, invalidArgument, checkGroupId, parseEntityUri } from '@cpns/core';
import { parseEnvelope } from '@cpns/group-key';
import type { CallContext, CallerEntity } from '@cpns/grpc';
import { emitStep, withinStep } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { checkAddressee, OwnGateway } from '../../common/own-gateway';
import { ServerClients } from '../../peers/server-clients';
import { isDeleted, KnownGroups, statementOf, type KnownGroup } from '../../service-group/known-group';
import type { KnownStatement } from '../../service-group/records';
import { checkAnswersFor, Statements } from '../../service-group/statements';
import { Envelopes, isForKeyOf } from '../envelopes';
import type { HeldEnvelope } from '../records';

const FLOW = 'GK-PULL';

interface Asked {
  readonly caller: CallerEntity;
  readonly group: KnownGroup;
  /** 0 for the newest. */
  readonly version: bigint;
  readonly call: CallContext;
}

interface Held {
  readonly known: KnownStatement;
  readonly envelope: HeldEnvelope;
}

@Injectable()
export class PullGroupKey {
  constructor(
    private readonly own: OwnGateway,
    private readonly clock: Clock,
    private readonly server: ServerClients,
    private readonly groups: KnownGroups,
    private readonly statements: Statements,
    private readonly envelopes: Envelopes,
  ) {}

  /**
   * @throws CpnsError a field's reason; PROOF_MISSING, PN_MISMATCH; GROUP_DELETED; what the Server answers;
   *   DEPENDENCY_UNAVAILABLE while it is away and the envelope is not here
   */
  async execute(request: PnGatewayServicePullGroupKeyRequest, call: CallContext): Promise<GroupKeyDelivery> {
    const groupId = checkGroupId(request.groupId, 'group_id');
    const caller = call.requireEntity();
    checkAddressee(this.own.name, parseEntityUri(caller.entity, 'entity'));
    const group = await this.groups.read(groupId);
    if (isDeleted(group))
      throw failedPrecondition('GROUP_DELETED', 'the Service Group was deleted; its id is never used again');
    const asked: Asked = { caller, group, version: request.version, call };
    const held = await this.held(asked);
    if (held !== undefined && this.serves(asked, held)) return delivery(held);
    try {
      return await this.fromServer(asked);
    } catch (error) {
      // what is held opens for its owner, if for anyone: nothing is given away with it
      if (held === undefined || !isAway(error) || !mayOpen(caller, held)) throw error;
      return delivery(held);
    }
  }

  /** What the gateway holds for the caller of the version that it asks for. */
  private async held({ caller, group, version }: Asked): Promise<Held | undefined> {
    const { notice, groupId } = group;
    if (notice !== undefined && !(await this.groups.isMemberHere(groupId, caller.entity))) return undefined;
    const known = statementOf(group, version === 0n ? newestVersion(group) : version);
    if (known === undefined) return undefined;
    const envelope = await this.envelopes.find(caller.entity, groupId, known.statement.version);
    return envelope && { known, envelope };
  }

  /**
   * Whether that is an answer while the Server could be asked. Not before the first notice: what is newest is not known
   * then. Nor once half of the time is over in which members seal with it: the Server then says that they may for longer.
   */
  private serves({ caller, group, version }: Asked, { known, envelope }: Held): boolean {
    if (group.notice === undefined || !isForKeyOf(caller, envelope)) return false;
    if (version !== 0n && version < newestVersion(group)) return true;
    return known.statement.sealUntil - this.clock.now() >= group.notice.sealPeriod / 2;
  }

  /** Steps 3 and 4. */
  private async fromServer({ caller, group, version, call }: Asked): Promise<GroupKeyDelivery> {
    const { groupId } = group;
    const { entity } = caller;
    const response = await withinStep({ flow: FLOW, step: 3 }, () =>
      this.server.groupKeyDelivery.pullGroupKey({ groupId, version, entity }, { within: call }),
    );
    const { signed, envelopes } = checkGatewayGroupKeyDelivery(response.delivery);
    checkAnswersFor(groupId, signed);
    this.statements.check(signed, envelopes);
    const [first, ...others] = envelopes;
    if (first?.entity.uri !== entity || others.length > 0)
      throw invalidArgument('FIELD_OUT_OF_RANGE', 'the answer holds another envelope than the one that was asked for', {
        metadata: { field: 'envelopes' },
      });
    const { version: given } = signed.statement;
    checkVersion(group, version, given);
    const { own } = first;
    await withinStep({ flow: FLOW, step: 4 }, async () => {
      // one that a push overtook meanwhile was the newest when it was asked for
      await this.statements.keep(signed, { asked: given });
      await this.keep(caller, group, { version: given, keyId: parseEnvelope(own).keyId, own });
    });
    emitStep({
      flow: FLOW,
      step: 4,
      from: this.server.uri,
      to: this.own.uri,
      carried: ['statement', 'envelope'],
    });
    return groupKeyDelivery({ signed, own });
  }

  /** One who is not among the members that the newest notice names has left, or comes with the next one: nothing is kept. */
  private async keep({ entity, by }: CallerEntity, { groupId }: KnownGroup, envelope: HeldEnvelope): Promise<void> {
    if (!(await this.groups.isMemberHere(groupId, entity))) return;
    await this.envelopes.keep(
      entity,
      groupId,
      by.kind === 'proof' ? envelope : { ...envelope, certificate: by.digest },
    );
  }
}

/** As the notice says, unless the Server said of a higher one meanwhile. */
function newestVersion({ notice, statements }: KnownGroup): bigint {
  const noticed = notice?.keyVersion ?? 0n;
  const stated = statements.at(-1)?.statement.version ?? 0n;
  return noticed > stated ? noticed : stated;
}

/** @throws CpnsError STATEMENT_LOWER for an answer that goes back; FIELD_OUT_OF_RANGE for another version than was asked for */
function checkVersion(group: KnownGroup, asked: bigint, given: bigint): void {
  if (asked === 0n && given < newestVersion(group))
    throw failedPrecondition('STATEMENT_LOWER', 'a newer statement about the group was seen before');
  if (asked !== 0n && given !== asked)
    throw invalidArgument('FIELD_OUT_OF_RANGE', 'the answer is about another version', {
      metadata: { field: 'version' },
    });
}

const isAway = (error: unknown): boolean => error instanceof CpnsError && error.code === 'UNAVAILABLE';

/** While the Server is away a certificate holder gets what there is: it sees by the key-id whether it is for its key. */
const mayOpen = (caller: CallerEntity, { envelope }: Held): boolean =>
  caller.by.kind === 'certificate' || isForKeyOf(caller, envelope);

const delivery = ({ known, envelope }: Held): GroupKeyDelivery =>
  groupKeyDelivery({ signed: known, own: envelope.own });
