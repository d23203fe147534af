import {
  type PnGatewayServiceJoinServiceGroupRequest,
  type PnGatewayServiceLeaveServiceGroupRequest,
  PnGatewayServiceService,
} from '@cpns/contracts';
import { checkGroupId } from '@cpns/core';
import type { CallContext, Handlers } from '@cpns/grpc';
import { FlowStep, GrpcController } from '@cpns/platform';
import { emitStep } from '@cpns/telemetry';
import { Ctx, Payload } from '@nestjs/microservices';
import { OwnGateway, ownRequestOf } from '../common/own-gateway';
import { LiveCredentials } from '../live-credentials/live-credentials';
import { SmfClients } from '../peers/peer-clients';

const { joinServiceGroup, leaveServiceGroup } = PnGatewayServiceService;
const SERVED = { joinServiceGroup, leaveServiceGroup };

/**
 * CPNS-1 on the wire: membership. Relays to the SMF, which decides, that an entity asks to join a Service Group or to leave it
 * (SMF-GW).
 */
@GrpcController(SERVED)
export class SmfController implements Handlers<typeof SERVED> {
  constructor(
    private readonly own: OwnGateway,
    private readonly credentials: LiveCredentials,
    private readonly smf: SmfClients,
  ) {}

  @FlowStep('SMF-GW', 1, ['group_id', 'entity_proof'])
  joinServiceGroup(@Payload() { groupId }: PnGatewayServiceJoinServiceGroupRequest, @Ctx() call: CallContext) {
    return this.relay('joinServiceGroup', groupId, call);
  }

  @FlowStep('SMF-GW', 1, ['group_id', 'entity_proof'])
  leaveServiceGroup(@Payload() { groupId }: PnGatewayServiceLeaveServiceGroupRequest, @Ctx() call: CallContext) {
    return this.relay('leaveServiceGroup', groupId, call);
  }

  /**
   * @returns the membership revision that holds the change
   * @throws CpnsError a field's reason; what {@link LiveCredentials.caller} throws; PROOF_MISSING, PROOF_MAC; what the SMF
   *   answers; DEPENDENCY_UNAVAILABLE
   */
  private async relay(method: keyof typeof SERVED, groupId: string, call: CallContext) {
    checkGroupId(groupId, 'group_id');
    const caller = await this.credentials.caller(call);
    const request = { groupId, entity: caller.entity, ...ownRequestOf(caller, call) };
    const answer = await this.smf.membership[method](request, { within: call });
    emitStep({ flow: 'SMF-GW', step: 5, from: this.smf.uri, to: this.own.uri, carried: ['membership_revision'] });
    return answer;
  }
}
