import {
  groupDescription,
  wireGroupDescription,
  type CreateServiceGroupRequest,
  type ListServiceGroupsRequest,
  type ServiceGroup,
} from '@cpns/contracts';
import { checkGroupId, CpnsError } from '@cpns/core';
import { checkMembers, checkSomeMembers } from '@cpns/group-key';
import { Injectable } from '@nestjs/common';
import type { Waiting } from '../common/waiting';
import { SmfConfig } from '../config';
import { creationOf, deletionOf, membershipChangeOf, type ChangeRequest } from '../group-changes/change-request';
import { Groups } from '../group-changes/groups';
import { ProposeChange } from '../group-changes/propose-change';
import type { ServiceGroupRecord } from '../group-changes/records';

/** The fields of AddMembers and RemoveMembers. */
interface NamedMembers {
  readonly groupId: string;
  readonly members: readonly string[];
}

/** SMF-SRV: what an operator asks of Service Groups. */
@Injectable()
export class ServiceGroups {
  constructor(
    private readonly config: SmfConfig,
    private readonly groups: Groups,
    private readonly changes: ProposeChange,
  ) {}

  /**
   * GK-CREATE; FLOW-PULL and FLOW-PUSH steps 1 to 6: a new group, whose Group Key is ready when this resolves.
   * @throws CpnsError a field's reason; LIMIT_REACHED; ALREADY_EXISTS also for the id of a deleted group; what CSKMF
   *   refuses it with, such as MEMBER_WITHOUT_KEY: the id is free then; DEPENDENCY_UNAVAILABLE
   */
  async create(request: CreateServiceGroupRequest, call: Waiting): Promise<ServiceGroup> {
    const description = groupDescription(request.description);
    return this.change(creationOf(description, checkMembers(request.members, this.config.trustDomain)), call);
  }

  /** One group with its members, or that it was deleted. @throws CpnsError a field's reason; NOT_FOUND before its key is ready */
  async get({ groupId }: { readonly groupId: string }): Promise<ServiceGroup> {
    return this.present(checkGroupId(groupId, 'group_id'));
  }

  /** The groups, also those that were deleted, without their members. @throws CpnsError FIELD_OUT_OF_RANGE, PAGE_TOKEN_INVALID */
  async list(request: ListServiceGroupsRequest): Promise<{ groups: ServiceGroup[]; nextPageToken: string }> {
    const { found, next } = await this.groups.list(request);
    const groups = found.filter(({ state }) => state !== 'creating').map((group) => serviceGroup(group, []));
    return { groups, nextPageToken: next };
  }

  /**
   * GK-DELETE: the end of a group, for good: its Group Key is gone when this resolves. Idempotent.
   * @throws CpnsError a field's reason; NOT_FOUND; what CSKMF refuses it with; DEPENDENCY_UNAVAILABLE
   */
  async delete({ groupId }: { readonly groupId: string }, call: Waiting): Promise<ServiceGroup> {
    return this.change(deletionOf(checkGroupId(groupId, 'group_id')), call);
  }

  /**
   * GK-UPDATE-M: a present member stays one.
   * @throws CpnsError a field's reason; NOT_FOUND, GROUP_DELETED, LIMIT_REACHED; what CSKMF refuses it with, such as
   *   MEMBER_WITHOUT_KEY: none is added then; DEPENDENCY_UNAVAILABLE
   */
  async addMembers(request: NamedMembers, call: Waiting): Promise<ServiceGroup> {
    return this.changeMembers('add', request, call);
  }

  /**
   * GK-UPDATE-M: removed members come back only by an operator.
   * @throws CpnsError a field's reason; NOT_FOUND, GROUP_DELETED; MEMBER_UNKNOWN for one that never was a member: none is
   *   removed then; DEPENDENCY_UNAVAILABLE
   */
  async removeMembers(request: NamedMembers, call: Waiting): Promise<ServiceGroup> {
    return this.changeMembers('remove', request, call);
  }

  private async changeMembers(event: 'add' | 'remove', request: NamedMembers, call: Waiting): Promise<ServiceGroup> {
    const groupId = checkGroupId(request.groupId, 'group_id');
    const members = checkSomeMembers(request.members, this.config.trustDomain);
    return this.change(membershipChangeOf(groupId, event, members), call);
  }

  private async change(request: ChangeRequest, call: Waiting): Promise<ServiceGroup> {
    await this.changes.execute(request, call);
    return this.present(request.groupId);
  }

  private async present(groupId: string): Promise<ServiceGroup> {
    const snapshot = await this.groups.snapshot(groupId);
    if (snapshot === undefined) throw new CpnsError('NOT_FOUND', 'no Service Group of this id');
    return serviceGroup(snapshot.group, snapshot.members);
  }
}

const serviceGroup = (group: ServiceGroupRecord, members: readonly string[]): ServiceGroup => ({
  description: wireGroupDescription(group.description),
  membershipRevision: group.revision,
  members: [...members],
  deleted: group.state === 'deleted',
});
