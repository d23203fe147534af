import {
  MembershipServiceService,
  type MembershipServiceJoinServiceGroupRequest,
  type MembershipServiceLeaveServiceGroupRequest,
} from '@cpns/contracts';
import { gatewayOf, type CallContext, type Handlers } from '@cpns/grpc';
import { GrpcController } from '@cpns/platform';
import { Ctx, Payload } from '@nestjs/microservices';
import { GatewayStanding } from '../gateway-standing/gateway-standing';
import { Membership } from './membership';

/** What PNEs ask through the SMF in their PN GW, on the wire. */
@GrpcController(MembershipServiceService)
export class MembershipController implements Handlers<typeof MembershipServiceService> {
  constructor(
    private readonly membership: Membership,
    private readonly standing: GatewayStanding,
  ) {}

  async joinServiceGroup(@Payload() request: MembershipServiceJoinServiceGroupRequest, @Ctx() call: CallContext) {
    const gateway = gatewayOf(call);
    await this.standing.check(call.requirePeer());
    return { membershipRevision: await this.membership.change('join', request, gateway, call) };
  }

  async leaveServiceGroup(@Payload() request: MembershipServiceLeaveServiceGroupRequest, @Ctx() call: CallContext) {
    const gateway = gatewayOf(call);
    await this.standing.check(call.requirePeer());
    return { membershipRevision: await this.membership.change('leave', request, gateway, call) };
  }
}
