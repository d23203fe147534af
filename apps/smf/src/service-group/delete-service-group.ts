import type { DeleteServiceGroupRequest, ServiceGroup } from '@cpns/contracts';
import { checkGroupId } from '@cpns/core';
import { Injectable } from '@nestjs/common';
import type { Waiting } from '../common/waiting';
import { Groups } from '../group-changes/groups';
import { ProposeChange } from '../group-changes/propose-change';
import { deletionOf } from '../group-changes/wish';
import { presentGroup } from './present';

/** SMF-SRV: the end of a group, for good: its Group Key is gone when this resolves (GK-DELETE). Idempotent. */
@Injectable()
export class DeleteServiceGroup {
  constructor(
    private readonly groups: Groups,
    private readonly changes: ProposeChange,
  ) {}

  /** @throws CpnsError a field's reason; NOT_FOUND; what CSKMF refuses it with; DEPENDENCY_UNAVAILABLE */
  async execute(request: DeleteServiceGroupRequest, call: Waiting): Promise<ServiceGroup> {
    const groupId = checkGroupId(request.groupId, 'group_id');
    await this.changes.execute(deletionOf(groupId), call);
    return presentGroup(this.groups, groupId);
  }
}
