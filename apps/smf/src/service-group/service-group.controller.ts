import {
  ServiceGroupServiceService,
  type AddMembersRequest,
  type CreateServiceGroupRequest,
  type DeleteServiceGroupRequest,
  type GetServiceGroupRequest,
  type ListServiceGroupsRequest,
  type RemoveMembersRequest,
} from '@cpns/contracts';
import type { CallContext, Handlers } from '@cpns/grpc';
import { GrpcController } from '@cpns/platform';
import { Ctx, Payload } from '@nestjs/microservices';
import { AddMembers } from './add-members';
import { CreateServiceGroup } from './create-service-group';
import { DeleteServiceGroup } from './delete-service-group';
import { GetServiceGroup } from './get-service-group';
import { ListServiceGroups } from './list-service-groups';
import { RemoveMembers } from './remove-members';

const { createServiceGroup, getServiceGroup, listServiceGroups, deleteServiceGroup, addMembers, removeMembers } =
  ServiceGroupServiceService;

/** What is served of an operator's RPCs; the port answers UNIMPLEMENTED to those for group documents (XDMS). */
const SERVICE_GROUP_SERVED = {
  createServiceGroup,
  getServiceGroup,
  listServiceGroups,
  deleteServiceGroup,
  addMembers,
  removeMembers,
};

/** Service Groups on the wire. */
@GrpcController(SERVICE_GROUP_SERVED)
export class ServiceGroupController implements Handlers<typeof SERVICE_GROUP_SERVED> {
  constructor(
    private readonly create: CreateServiceGroup,
    private readonly get: GetServiceGroup,
    private readonly list: ListServiceGroups,
    private readonly end: DeleteServiceGroup,
    private readonly add: AddMembers,
    private readonly remove: RemoveMembers,
  ) {}

  async createServiceGroup(@Payload() request: CreateServiceGroupRequest, @Ctx() call: CallContext) {
    return { group: await this.create.execute(request, call) };
  }

  async getServiceGroup(@Payload() request: GetServiceGroupRequest) {
    return { group: await this.get.execute(request) };
  }

  listServiceGroups(@Payload() request: ListServiceGroupsRequest) {
    return this.list.execute(request);
  }

  async deleteServiceGroup(@Payload() request: DeleteServiceGroupRequest, @Ctx() call: CallContext) {
    return { group: await this.end.execute(request, call) };
  }

  async addMembers(@Payload() request: AddMembersRequest, @Ctx() call: CallContext) {
    return { group: await this.add.execute(request, call) };
  }

  async removeMembers(@Payload() request: RemoveMembersRequest, @Ctx() call: CallContext) {
    return { group: await this.remove.execute(request, call) };
  }
}
