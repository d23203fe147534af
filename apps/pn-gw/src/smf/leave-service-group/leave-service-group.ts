import { checkGroupId, parseEntityUri } from '@cpns/core';
import type { CallContext } from '@cpns/grpc';
import { Injectable } from '@nestjs/common';
import { checkAddressee } from '../../common/check-addressee';
import { OwnGateway } from '../../common/own-gateway';
import { SmfClients } from '../../peers/smf-clients';

/** SMF-GW: relays the wish of an entity to be a member no longer to the SMF. */
@Injectable()
export class LeaveServiceGroup {
  constructor(
    private readonly own: OwnGateway,
    private readonly smf: SmfClients,
  ) {}

  /**
   * @returns the membership revision that holds the change
   * @throws CpnsError a field's reason; PROOF_MISSING, PN_MISMATCH; what the SMF answers; DEPENDENCY_UNAVAILABLE
   */
  async execute(groupId: string, call: CallContext): Promise<bigint> {
    checkGroupId(groupId, 'group_id');
    const { entity } = call.requireEntity();
    checkAddressee(this.own.name, parseEntityUri(entity, 'entity'));
    const request = { groupId, entity };
    const { membershipRevision } = await this.smf.membership.leaveServiceGroup(request, { within: call });
    return membershipRevision;
  }
}
