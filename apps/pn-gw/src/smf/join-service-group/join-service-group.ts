import { checkGroupId, parseEntityUri } from '@cpns/core';
import type { CallContext } from '@cpns/grpc';
import type { GatewayContext } from '../../context';
import { checkAddressee } from '../../entity-user-key/check-addressee';

/** SMF-GW: relays the wish of an entity to be a member to the SMF, which decides. */
export class JoinServiceGroup {
  constructor(private readonly gateway: GatewayContext) {}

  /**
   * @returns the membership revision that holds the change
   * @throws CpnsError a field's reason; PROOF_MISSING, PN_MISMATCH; what the SMF answers; DEPENDENCY_UNAVAILABLE
   */
  async execute(groupId: string, call: CallContext): Promise<bigint> {
    checkGroupId(groupId, 'group_id');
    const { entity } = call.requireEntity();
    checkAddressee(this.gateway.name, parseEntityUri(entity, 'entity'));
    const request = { groupId, entity };
    const { membershipRevision } = await this.gateway.smf.membership.joinServiceGroup(request, { within: call });
    return membershipRevision;
  }
}
