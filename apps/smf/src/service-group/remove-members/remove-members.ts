import type { RemoveMembersRequest, ServiceGroup } from '@cpns/contracts';
import { checkGroupId } from '@cpns/core';
import { checkSomeMembers } from '@cpns/group-key';
import type { ProposeChange } from '../../changes/propose-change';
import { membershipChangeOf } from '../../changes/wish';
import type { SmfContext, Waiting } from '../../context';
import { presentGroup } from '../present';

/** SMF-SRV: an operator takes members out: they come back only by an operator (GK-UPDATE-M). */
export class RemoveMembers {
  constructor(
    private readonly smf: SmfContext,
    private readonly changes: ProposeChange,
  ) {}

  /**
   * @throws CpnsError a field's reason; NOT_FOUND, GROUP_DELETED; MEMBER_UNKNOWN for one that never was a member: nobody
   *   is removed then; DEPENDENCY_UNAVAILABLE
   */
  async execute(request: RemoveMembersRequest, call: Waiting): Promise<ServiceGroup> {
    const groupId = checkGroupId(request.groupId, 'group_id');
    const members = checkSomeMembers(request.members, this.smf.trustDomain);
    await this.changes.execute(membershipChangeOf(this.smf.store, groupId, 'remove', members), call);
    return presentGroup(this.smf, groupId);
  }
}
