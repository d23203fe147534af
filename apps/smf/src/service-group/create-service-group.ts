import { type CreateServiceGroupRequest, type ServiceGroup, groupDescription } from '@cpns/contracts';
import { checkMembers } from '@cpns/group-key';
import { Injectable } from '@nestjs/common';
import type { Waiting } from '../common/waiting';
import { SmfConfig } from '../config';
import { Groups } from '../group-changes/groups';
import { ProposeChange } from '../group-changes/propose-change';
import { creationOf } from '../group-changes/wish';
import { presentGroup } from './present';

/** SMF-SRV: a new group, whose Group Key is ready when this resolves (GK-CREATE; FLOW-PULL and FLOW-PUSH steps 1 to 6). */
@Injectable()
export class CreateServiceGroup {
  constructor(
    private readonly config: SmfConfig,
    private readonly groups: Groups,
    private readonly changes: ProposeChange,
  ) {}

  /**
   * @throws CpnsError a field's reason; LIMIT_REACHED; ALREADY_EXISTS also for the id of a deleted group; what CSKMF
   *   refuses it with, such as MEMBER_WITHOUT_KEY: the id is free then; DEPENDENCY_UNAVAILABLE
   */
  async execute(request: CreateServiceGroupRequest, call: Waiting): Promise<ServiceGroup> {
    const description = groupDescription(request.description);
    const members = checkMembers(request.members, this.config.trustDomain);
    await this.changes.execute(creationOf(description, members), call);
    return presentGroup(this.groups, description.groupId);
  }
}
