/** SMF-GW: an entity joins a Service Group that is open to it, or leaves one, through a gateway of its own PN. */
import { CpnsError, permissionDenied, checkGroupId, samePn, type EntityName } from '@cpns/core';
import { checkMember } from '@cpns/group-key';
import { Injectable } from '@nestjs/common';
import type { Waiting } from '../common/waiting';
import { SmfConfig } from '../config';
import { membershipChangeOf } from '../group-changes/change-request';
import { Groups } from '../group-changes/groups';
import { ProposeChange } from '../group-changes/propose-change';

export interface MembershipRequest {
  readonly groupId: string;
  /** E */
  readonly entity: string;
}

@Injectable()
export class Membership {
  constructor(
    private readonly config: SmfConfig,
    private readonly groups: Groups,
    private readonly changes: ProposeChange,
  ) {}

  /**
   * @returns the membership revision that holds it; the present one where nothing had to be changed
   * @throws CpnsError a field's reason; PN_MISMATCH; NOT_FOUND, GROUP_DELETED; what the rules and CSKMF refuse it with,
   *   of a join JOIN_NOT_PERMITTED, LIMIT_REACHED, MEMBER_WITHOUT_KEY; DEPENDENCY_UNAVAILABLE
   */
  async change(
    event: 'join' | 'leave',
    request: MembershipRequest,
    gateway: EntityName,
    call: Waiting,
  ): Promise<bigint> {
    const groupId = checkGroupId(request.groupId, 'group_id');
    const entity = checkMember(request.entity, this.config.trustDomain, 'entity');
    if (!samePn(entity, gateway))
      throw permissionDenied('PN_MISMATCH', 'a gateway asks for entities of its own Personal Network');
    const { revision } = await this.changes.execute(membershipChangeOf(groupId, event, [entity]), call);
    if (revision !== undefined) return revision;
    const group = await this.groups.find(groupId);
    if (group === undefined) throw new CpnsError('NOT_FOUND', 'no Service Group of this id');
    return group.revision;
  }
}
