import type { AddMembersRequest, ServiceGroup } from '@cpns/contracts';
import { checkGroupId } from '@cpns/core';
import { checkSomeMembers } from '@cpns/group-key';
import { Injectable } from '@nestjs/common';
import type { Waiting } from '../common/waiting';
import { SmfConfig } from '../config';
import { Groups } from '../group-changes/groups';
import { ProposeChange } from '../group-changes/propose-change';
import { membershipChangeOf } from '../group-changes/wish';
import { presentGroup } from './present';

/** SMF-SRV: an operator adds members; who is one already stays one (GK-UPDATE-M). */
@Injectable()
export class AddMembers {
  constructor(
    private readonly config: SmfConfig,
    private readonly groups: Groups,
    private readonly changes: ProposeChange,
  ) {}

  /**
   * @throws CpnsError a field's reason; NOT_FOUND, GROUP_DELETED, LIMIT_REACHED; what CSKMF refuses it with, such as
   *   MEMBER_WITHOUT_KEY: nobody is added then; DEPENDENCY_UNAVAILABLE
   */
  async execute(request: AddMembersRequest, call: Waiting): Promise<ServiceGroup> {
    const groupId = checkGroupId(request.groupId, 'group_id');
    const members = checkSomeMembers(request.members, this.config.trustDomain);
    await this.changes.execute(membershipChangeOf(this.groups, groupId, 'add', members), call);
    return presentGroup(this.groups, groupId);
  }
}
