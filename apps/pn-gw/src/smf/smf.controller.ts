import {
  PnGatewayServiceService,
  type PnGatewayServiceJoinServiceGroupRequest,
  type PnGatewayServiceLeaveServiceGroupRequest,
} from '@cpns/contracts';
import type { CallContext, Handlers } from '@cpns/grpc';
import { GrpcController } from '@cpns/platform';
import { Ctx, Payload } from '@nestjs/microservices';
import { JoinServiceGroup } from './join-service-group/join-service-group';
import { LeaveServiceGroup } from './leave-service-group/leave-service-group';

const { joinServiceGroup, leaveServiceGroup } = PnGatewayServiceService;
const SERVED = { joinServiceGroup, leaveServiceGroup };

/** CPNS-1 on the wire: membership. */
@GrpcController(SERVED)
export class SmfController implements Handlers<typeof SERVED> {
  constructor(
    private readonly join: JoinServiceGroup,
    private readonly leave: LeaveServiceGroup,
  ) {}

  async joinServiceGroup(@Payload() { groupId }: PnGatewayServiceJoinServiceGroupRequest, @Ctx() call: CallContext) {
    return { membershipRevision: await this.join.execute(groupId, call) };
  }

  async leaveServiceGroup(@Payload() { groupId }: PnGatewayServiceLeaveServiceGroupRequest, @Ctx() call: CallContext) {
    return { membershipRevision: await this.leave.execute(groupId, call) };
  }
}
