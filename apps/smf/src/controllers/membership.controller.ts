import type {
  MembershipServiceJoinServiceGroupRequest,
  MembershipServiceLeaveServiceGroupRequest,
  MembershipServiceService,
} from '@cpns/contracts';
import { gatewayOf, type CallContext, type Handlers } from '@cpns/grpc';
import type { ProposeChange } from '../changes/propose-change';
import type { SmfContext } from '../context';
import { JoinServiceGroup } from '../membership/join-service-group/join-service-group';
import { LeaveServiceGroup } from '../membership/leave-service-group/leave-service-group';
import type { GatewayStanding } from '../records/gateway-standing';

/** What PNEs ask through the SMF in their PN GW, on the wire. */
export class MembershipController implements Handlers<typeof MembershipServiceService> {
  readonly #join: JoinServiceGroup;
  readonly #leave: LeaveServiceGroup;

  constructor(
    smf: SmfContext,
    changes: ProposeChange,
    private readonly standing: GatewayStanding,
  ) {
    this.#join = new JoinServiceGroup(smf, changes);
    this.#leave = new LeaveServiceGroup(smf, changes);
  }

  async joinServiceGroup(request: MembershipServiceJoinServiceGroupRequest, call: CallContext) {
    const gateway = gatewayOf(call);
    await this.standing.check(call.requirePeer());
    return { membershipRevision: await this.#join.execute(request, gateway, call) };
  }

  async leaveServiceGroup(request: MembershipServiceLeaveServiceGroupRequest, call: CallContext) {
    const gateway = gatewayOf(call);
    await this.standing.check(call.requirePeer());
    return { membershipRevision: await this.#leave.execute(request, gateway, call) };
  }
}
