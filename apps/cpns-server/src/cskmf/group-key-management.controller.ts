import {
  GroupKeyManagementServiceService,
  type CreateGroupKeyRequest,
  type DeleteGroupKeyRequest,
  type GetGroupKeyStatusRequest,
  type UpdateGroupKeyRequest,
} from '@cpns/contracts';
import type { CallContext, Handlers } from '@cpns/grpc';
import { GrpcController } from '@cpns/platform';
import { Ctx, Payload } from '@nestjs/microservices';
import { ManageGroupKeys } from './manage-group-keys';

const { watchGroupKeyEvents, ...SERVED } = GroupKeyManagementServiceService;

/** SMF to CSKMF on the wire without its alerts, which come with GK-UPDATE-T: the port answers UNIMPLEMENTED to them. */
@GrpcController(SERVED)
export class GroupKeyManagementController implements Handlers<typeof SERVED> {
  constructor(private readonly keys: ManageGroupKeys) {}

  async createGroupKey(@Payload() request: CreateGroupKeyRequest, @Ctx() call: CallContext) {
    return { status: await this.keys.create(request, call.requirePeer().uri) };
  }

  async updateGroupKey(@Payload() request: UpdateGroupKeyRequest, @Ctx() call: CallContext) {
    return { status: await this.keys.update(request, call.requirePeer().uri) };
  }

  async deleteGroupKey(@Payload() request: DeleteGroupKeyRequest, @Ctx() call: CallContext) {
    return { status: await this.keys.delete(request, call.requirePeer().uri) };
  }

  async getGroupKeyStatus(@Payload() request: GetGroupKeyStatusRequest) {
    return { status: await this.keys.status(request) };
  }
}
