import {
  PnGatewayServiceService,
  type PnGatewayServiceJoinServiceGroupRequest,
  type PnGatewayServiceLeaveServiceGroupRequest,
} from '@cpns/contracts';
import type { CallContext, Handlers } from '@cpns/grpc';
import { GrpcController } from '@cpns/platform';
import { Ctx, Payload } from '@nestjs/microservices';
import { RelayMembership } from './relay-membership';

const { joinServiceGroup, leaveServiceGroup } = PnGatewayServiceService;
const SERVED = { joinServiceGroup, leaveServiceGroup };

/** CPNS-1 on the wire: membership. */
@GrpcController(SERVED)
export class SmfController implements Handlers<typeof SERVED> {
  constructor(private readonly membership: RelayMembership) {}

  async joinServiceGroup(@Payload() { groupId }: PnGatewayServiceJoinServiceGroupRequest, @Ctx() call: CallContext) {
    return { membershipRevision: await this.membership.execute('joinServiceGroup', groupId, call) };
  }

  async leaveServiceGroup(@Payload() { groupId }: PnGatewayServiceLeaveServiceGroupRequest, @Ctx() call: CallContext) {
    return { membershipRevision: await this.membership.execute('leaveServiceGroup', groupId, call) };
  }
}
