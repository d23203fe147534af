import type { RemoveMembersRequest, ServiceGroup } from '@cpns/contracts';
import { checkGroupId } from '@cpns/core';
import { checkSomeMembers } from '@cpns/group-key';
import { Injectable } from '@nestjs/common';
import type { Waiting } from '../common/waiting';
import { SmfConfig } from '../config';
import { Groups } from '../group-changes/groups';
import { ProposeChange } from '../group-changes/propose-change';
import { membershipChangeOf } from '../group-changes/wish';
import { presentGroup } from './present';

/** SMF-SRV: an operator takes members out: they come back only by an operator (GK-UPDATE-M). */
@Injectable()
export class RemoveMembers {
  constructor(
    private readonly config: SmfConfig,
    private readonly groups: Groups,
    private readonly changes: ProposeChange,
  ) {}

  /**
   * @throws CpnsError a field's reason; NOT_FOUND, GROUP_DELETED; MEMBER_UNKNOWN for one that never was a member: nobody
   *   is removed then; DEPENDENCY_UNAVAILABLE
   */
  async execute(request: RemoveMembersRequest, call: Waiting): Promise<ServiceGroup> {
    const groupId = checkGroupId(request.groupId, 'group_id');
    const members = checkSomeMembers(request.members, this.config.trustDomain);
    await this.changes.execute(membershipChangeOf(this.groups, groupId, 'remove', members), call);
    return presentGroup(this.groups, groupId);
  }
}
