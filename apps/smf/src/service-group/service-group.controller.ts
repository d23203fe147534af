import {
  type AddMembersRequest,
  type CreateServiceGroupRequest,
  type DeleteServiceGroupRequest,
  type GetServiceGroupRequest,
  groupDescription,
  type ListServiceGroupsRequest,
  type RemoveMembersRequest,
  type ServiceGroup,
  ServiceGroupServiceService,
  wireGroupDescription,
} from '@cpns/contracts';
import { checkGroupId, CpnsError } from '@cpns/core';
import { checkMembers } from '@cpns/group-key';
import type { CallContext, Handlers } from '@cpns/grpc';
import { GrpcController } from '@cpns/platform';
import { Ctx, Payload } from '@nestjs/microservices';
import { SmfConfig } from '../config';
import {
  creationOf,
  deletionOf,
  membershipChangeOf,
  type ChangeRequest,
  type ServiceGroupRecord,
} from '../group-changes/groups';
import { ProposeChange } from '../group-changes/propose-change';
import { Groups } from '../group-changes/read-groups';

const { createServiceGroup, getServiceGroup, listServiceGroups, deleteServiceGroup, addMembers, removeMembers } =
  ServiceGroupServiceService;

/** What is served of an operator's RPCs; the port answers UNIMPLEMENTED to those for group documents (XDMS). */
const SERVED = {
  createServiceGroup,
  getServiceGroup,
  listServiceGroups,
  deleteServiceGroup,
  addMembers,
  removeMembers,
};

interface Answer {
  readonly group: ServiceGroup;
}

/** SMF-SRV: what an operator asks of Service Groups. */
@GrpcController(SERVED)
export class ServiceGroupController implements Handlers<typeof SERVED> {
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
  async createServiceGroup(@Payload() request: CreateServiceGroupRequest, @Ctx() call: CallContext): Promise<Answer> {
    const description = groupDescription(request.description);
    return this.#change(creationOf(description, checkMembers(request.members, this.config.trustDomain)), call);
  }

  /** One group with its members, or that it was deleted. @throws CpnsError a field's reason; NOT_FOUND before its key is ready */
  async getServiceGroup(@Payload() { groupId }: GetServiceGroupRequest): Promise<Answer> {
    return this.#present(checkGroupId(groupId, 'group_id'));
  }

  /** The groups, also those that were deleted, without their members. @throws CpnsError FIELD_OUT_OF_RANGE, PAGE_TOKEN_INVALID */
  async listServiceGroups(@Payload() request: ListServiceGroupsRequest) {
    const { found, next } = await this.groups.list(request);
    const groups = found.filter(({ state }) => state !== 'creating').map((group) => serviceGroup(group, []));
    return { groups, nextPageToken: next };
  }

  /**
   * GK-DELETE: the end of a group, for good: its Group Key is gone when this resolves. Idempotent.
   * @throws CpnsError a field's reason; NOT_FOUND; what CSKMF refuses it with; DEPENDENCY_UNAVAILABLE
   */
  async deleteServiceGroup(
    @Payload() { groupId }: DeleteServiceGroupRequest,
    @Ctx() call: CallContext,
  ): Promise<Answer> {
    return this.#change(deletionOf(checkGroupId(groupId, 'group_id')), call);
  }

  /**
   * GK-UPDATE-M: a present member stays one.
   * @throws CpnsError a field's reason; NOT_FOUND, GROUP_DELETED, LIMIT_REACHED; what CSKMF refuses it with, such as
   *   MEMBER_WITHOUT_KEY: none is added then; DEPENDENCY_UNAVAILABLE
   */
  async addMembers(@Payload() request: AddMembersRequest, @Ctx() call: CallContext): Promise<Answer> {
    return this.#changeMembers('add', request, call);
  }

  /**
   * GK-UPDATE-M: removed members come back only by an operator.
   * @throws CpnsError a field's reason; NOT_FOUND, GROUP_DELETED; MEMBER_UNKNOWN for one that never was a member: none is
   *   removed then; DEPENDENCY_UNAVAILABLE
   */
  async removeMembers(@Payload() request: RemoveMembersRequest, @Ctx() call: CallContext): Promise<Answer> {
    return this.#changeMembers('remove', request, call);
  }

  async #changeMembers(event: 'add' | 'remove', request: AddMembersRequest | RemoveMembersRequest, call: CallContext) {
    const groupId = checkGroupId(request.groupId, 'group_id');
    const members = checkMembers(request.members, this.config.trustDomain, 1);
    return this.#change(membershipChangeOf(groupId, event, members), call);
  }

  async #change(request: ChangeRequest, call: CallContext): Promise<Answer> {
    await this.changes.execute(request, call);
    return this.#present(request.groupId);
  }

  async #present(groupId: string): Promise<Answer> {
    const snapshot = await this.groups.snapshot(groupId);
    if (snapshot === undefined) throw new CpnsError('NOT_FOUND', 'no Service Group of this id');
    return { group: serviceGroup(snapshot.group, snapshot.members) };
  }
}

const serviceGroup = (group: ServiceGroupRecord, members: readonly string[]): ServiceGroup => ({
  description: wireGroupDescription(group.description),
  membershipRevision: group.revision,
  members: [...members],
  deleted: group.state === 'deleted',
});
