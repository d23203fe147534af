import { CpnsError, permissionDenied, checkGroupId, samePn, type EntityName } from '@cpns/core';
import { checkMember, type MembershipEvent } from '@cpns/group-key';
import { Injectable } from '@nestjs/common';
import type { Waiting } from '../common/waiting';
import { SmfConfig } from '../config';
import { Groups } from '../group-changes/groups';
import { ProposeChange } from '../group-changes/propose-change';
import { membershipChangeOf } from '../group-changes/wish';

/** What a PNE asks through the SMF in its PN GW. */
export interface MembershipRequest {
  readonly groupId: string;
  /** E */
  readonly entity: string;
}

@Injectable()
export class AskMembership {
  constructor(
    private readonly config: SmfConfig,
    private readonly groups: Groups,
    private readonly changes: ProposeChange,
  ) {}

  /**
   * Does what an entity asked for through a gateway of its own PN.
   * @returns the membership revision that holds it
   * @throws CpnsError a field's reason; PN_MISMATCH; NOT_FOUND, GROUP_DELETED; what the rules and CSKMF refuse it with;
   *   DEPENDENCY_UNAVAILABLE
   */
  async execute(
    event: MembershipEvent,
    { request, gateway, call }: { request: MembershipRequest; gateway: EntityName; call: Waiting },
  ): Promise<bigint> {
    const groupId = checkGroupId(request.groupId, 'group_id');
    const entity = checkMember(request.entity, this.config.trustDomain, 'entity');
    if (!samePn(entity, gateway))
      throw permissionDenied('PN_MISMATCH', 'a gateway asks for entities of its own Personal Network');
    const { revision } = await this.changes.execute(membershipChangeOf(this.groups, groupId, event, [entity]), call);
    return revision ?? (await this.presentRevision(groupId));
  }

  private async presentRevision(groupId: string): Promise<bigint> {
    const group = await this.groups.find(groupId);
    if (group === undefined) throw new CpnsError('NOT_FOUND', 'no Service Group of this id');
    return group.revision;
  }
}
