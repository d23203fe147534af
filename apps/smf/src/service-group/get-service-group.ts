import type { GetServiceGroupRequest, ServiceGroup } from '@cpns/contracts';
import { checkGroupId } from '@cpns/core';
import { Injectable } from '@nestjs/common';
import { Groups } from '../group-changes/groups';
import { presentGroup } from './present';

/** SMF-SRV: one group with its members, or that it was deleted. */
@Injectable()
export class GetServiceGroup {
  constructor(private readonly groups: Groups) {}

  /** @throws CpnsError a field's reason; NOT_FOUND also for a group whose Group Key is not ready */
  async execute(request: GetServiceGroupRequest): Promise<ServiceGroup> {
    return presentGroup(this.groups, checkGroupId(request.groupId, 'group_id'));
  }
}
