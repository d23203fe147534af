import { checkGroupId, parseEntityUri } from '@cpns/core';
import type { CallContext } from '@cpns/grpc';
import { Injectable } from '@nestjs/common';
import { checkAddressee, OwnGateway } from '../common/own-gateway';
import { SmfClients } from '../peers/smf-clients';

/** SMF-GW: relays to the SMF, which decides, that an entity joins a Service Group or leaves it. */
@Injectable()
export class RelayMembership {
  constructor(
    private readonly own: OwnGateway,
    private readonly smf: SmfClients,
  ) {}

  /**
   * @returns the membership revision that holds the change
   * @throws CpnsError a field's reason; PROOF_MISSING, PN_MISMATCH; what the SMF answers; DEPENDENCY_UNAVAILABLE
   */
  async execute(method: 'joinServiceGroup' | 'leaveServiceGroup', groupId: string, call: CallContext): Promise<bigint> {
    checkGroupId(groupId, 'group_id');
    const { entity } = call.requireEntity();
    checkAddressee(this.own.name, parseEntityUri(entity, 'entity'));
    const { membershipRevision } = await this.smf.membership[method]({ groupId, entity }, { within: call });
    return membershipRevision;
  }
}
