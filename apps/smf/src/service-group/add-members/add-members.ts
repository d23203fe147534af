import type { AddMembersRequest, ServiceGroup } from '@cpns/contracts';
import { checkGroupId } from '@cpns/core';
import { checkSomeMembers } from '@cpns/group-key';
import type { ProposeChange } from '../../changes/propose-change';
import { membershipChangeOf } from '../../changes/wish';
import type { SmfContext, Waiting } from '../../context';
import { presentGroup } from '../present';

/** SMF-SRV: an operator adds members; who is one already stays one (GK-UPDATE-M). */
export class AddMembers {
  constructor(
    private readonly smf: SmfContext,
    private readonly changes: ProposeChange,
  ) {}

  /**
   * @throws CpnsError a field's reason; NOT_FOUND, GROUP_DELETED, LIMIT_REACHED; what CSKMF refuses it with, such as
   *   MEMBER_WITHOUT_KEY: nobody is added then; DEPENDENCY_UNAVAILABLE
   */
  async execute(request: AddMembersRequest, call: Waiting): Promise<ServiceGroup> {
    const groupId = checkGroupId(request.groupId, 'group_id');
    const members = checkSomeMembers(request.members, this.smf.trustDomain);
    await this.changes.execute(membershipChangeOf(this.smf.store, groupId, 'add', members), call);
    return presentGroup(this.smf, groupId);
  }
}
