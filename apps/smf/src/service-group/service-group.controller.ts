import {
  type AddMembersRequest,
  type CreateServiceGroupRequest,
  type DeleteServiceGroupRequest,
  type GetServiceGroupRequest,
  groupDescription,
  type ListMembershipsRequest,
  type ListServiceGroupsRequest,
  type RemoveMembersRequest,
  type ServiceGroup,
  ServiceGroupServiceService,
  type UpdateServiceGroupRequest,
  wireGroupDescription,
} from '@cpns/contracts';
import { checkGroupId, CpnsError } from '@cpns/core';
import { checkMembers } from '@cpns/group-key';
import type { CallContext, Handlers } from '@cpns/grpc';
import { GrpcController } from '@cpns/platform';
import { Ctx, Payload } from '@nestjs/microservices';
import { SmfConfig } from '../config';
import { EndMemberships } from '../group-changes/end-memberships';
import {
  creationOf,
  deletionOf,
  descriptionRevisionOf,
  membershipChangeOf,
  type ChangeRequest,
} from '../group-changes/groups';
import { ProposeChange } from '../group-changes/propose-change';
import { Groups, type GroupSnapshot } from '../group-changes/read-groups';
import { ListMemberships } from './list-memberships';
import { updateOf } from './update-description';

/** What is served of an operator's RPCs; the port answers UNIMPLEMENTED to those for group documents (XDMS). */
const { importGroupDocument, exportGroupDocument, ...SERVED } = ServiceGroupServiceService;

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
    private readonly ends: EndMemberships,
    private readonly memberships: ListMemberships,
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
    const groups = found
      .filter(({ state }) => state !== 'creating')
      .map((group) => serviceGroup({ group, members: [], suspended: [] }));
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

  /**
   * Changes parameters of a group that is there; its members, and its Group Key, stay as they are.
   * @throws CpnsError a field's reason; NOT_FOUND, GROUP_DELETED; REVISION_STALE; what CSKMF refuses it with;
   *   DEPENDENCY_UNAVAILABLE
   */
  async updateServiceGroup(@Payload() request: UpdateServiceGroupRequest, @Ctx() call: CallContext): Promise<Answer> {
    const change = updateOf(request);
    await this.changes.execute(change, call);
    const { group } = await this.#snapshot(change.groupId);
    return { group: serviceGroup({ group, members: [], suspended: [] }) };
  }

  /** The groups that an entity has a place in. Errors are those of {@link ListMemberships.execute}. */
  listMemberships(@Payload() request: ListMembershipsRequest) {
    return this.memberships.execute(request);
  }

  async #changeMembers(event: 'add' | 'remove', request: AddMembersRequest | RemoveMembersRequest, call: CallContext) {
    const groupId = checkGroupId(request.groupId, 'group_id');
    const members = checkMembers(request.members, this.config.trustDomain, 1);
    if (event === 'add') await this.ends.finish(groupId, members, call);
    return this.#change(membershipChangeOf(groupId, event, members), call);
  }

  async #change(request: ChangeRequest, call: CallContext): Promise<Answer> {
    await this.changes.execute(request, call);
    return this.#present(request.groupId);
  }

  async #present(groupId: string): Promise<Answer> {
    return { group: serviceGroup(await this.#snapshot(groupId)) };
  }

  async #snapshot(groupId: string): Promise<GroupSnapshot> {
    const snapshot = await this.groups.snapshot(groupId);
    if (snapshot === undefined) throw new CpnsError('NOT_FOUND', 'no Service Group of this id');
    return snapshot;
  }
}

const serviceGroup = ({ group, members, suspended }: GroupSnapshot): ServiceGroup => ({
  description: wireGroupDescription(group.description),
  descriptionRevision: descriptionRevisionOf(group),
  membershipRevision: group.revision,
  members: [...members],
  suspended: [...suspended],
  deleted: group.state === 'deleted',
});
