import type { GetServiceGroupRequest, ServiceGroup } from '@cpns/contracts';
import { checkGroupId } from '@cpns/core';
import type { SmfContext } from '../../context';
import { presentGroup } from '../present';

/** SMF-SRV: one group with its members, or that it was deleted. */
export class GetServiceGroup {
  constructor(private readonly smf: SmfContext) {}

  /** @throws CpnsError a field's reason; NOT_FOUND also for a group whose Group Key is not ready */
  async execute(request: GetServiceGroupRequest): Promise<ServiceGroup> {
    return presentGroup(this.smf, checkGroupId(request.groupId, 'group_id'));
  }
}
