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
import { ServiceGroups } from './service-groups';

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
  constructor(private readonly groups: ServiceGroups) {}

  async createServiceGroup(@Payload() request: CreateServiceGroupRequest, @Ctx() call: CallContext) {
    return { group: await this.groups.create(request, call) };
  }

  async getServiceGroup(@Payload() request: GetServiceGroupRequest) {
    return { group: await this.groups.get(request) };
  }

  listServiceGroups(@Payload() request: ListServiceGroupsRequest) {
    return this.groups.list(request);
  }

  async deleteServiceGroup(@Payload() request: DeleteServiceGroupRequest, @Ctx() call: CallContext) {
    return { group: await this.groups.delete(request, call) };
  }

  async addMembers(@Payload() request: AddMembersRequest, @Ctx() call: CallContext) {
    return { group: await this.groups.addMembers(request, call) };
  }

  async removeMembers(@Payload() request: RemoveMembersRequest, @Ctx() call: CallContext) {
    return { group: await this.groups.removeMembers(request, call) };
  }
}
