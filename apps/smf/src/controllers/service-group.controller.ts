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
import type { ProposeChange } from '../changes/propose-change';
import type { SmfContext } from '../context';
import { AddMembers } from '../service-group/add-members/add-members';
import { CreateServiceGroup } from '../service-group/create-service-group/create-service-group';
import { DeleteServiceGroup } from '../service-group/delete-service-group/delete-service-group';
import { GetServiceGroup } from '../service-group/get-service-group/get-service-group';
import { ListServiceGroups } from '../service-group/list-service-groups/list-service-groups';
import { RemoveMembers } from '../service-group/remove-members/remove-members';

const { createServiceGroup, getServiceGroup, listServiceGroups, deleteServiceGroup, addMembers, removeMembers } =
  ServiceGroupServiceService;

/** What is served of an operator's RPCs; the port answers UNIMPLEMENTED to those for group documents (XDMS). */
export const SERVICE_GROUP_SERVED = {
  createServiceGroup,
  getServiceGroup,
  listServiceGroups,
  deleteServiceGroup,
  addMembers,
  removeMembers,
};

/** Service Groups on the wire. */
export class ServiceGroupController implements Handlers<typeof SERVICE_GROUP_SERVED> {
  readonly #create: CreateServiceGroup;
  readonly #get: GetServiceGroup;
  readonly #list: ListServiceGroups;
  readonly #delete: DeleteServiceGroup;
  readonly #add: AddMembers;
  readonly #remove: RemoveMembers;

  constructor(smf: SmfContext, changes: ProposeChange) {
    this.#create = new CreateServiceGroup(smf, changes);
    this.#get = new GetServiceGroup(smf);
    this.#list = new ListServiceGroups(smf);
    this.#delete = new DeleteServiceGroup(smf, changes);
    this.#add = new AddMembers(smf, changes);
    this.#remove = new RemoveMembers(smf, changes);
  }

  async createServiceGroup(request: CreateServiceGroupRequest, call: CallContext) {
    return { group: await this.#create.execute(request, call) };
  }

  async getServiceGroup(request: GetServiceGroupRequest) {
    return { group: await this.#get.execute(request) };
  }

  listServiceGroups(request: ListServiceGroupsRequest) {
    return this.#list.execute(request);
  }

  async deleteServiceGroup(request: DeleteServiceGroupRequest, call: CallContext) {
    return { group: await this.#delete.execute(request, call) };
  }

  async addMembers(request: AddMembersRequest, call: CallContext) {
    return { group: await this.#add.execute(request, call) };
  }

  async removeMembers(request: RemoveMembersRequest, call: CallContext) {
    return { group: await this.#remove.execute(request, call) };
  }
}
