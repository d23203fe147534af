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
import { CreateGroupKey } from './create-group-key';
import { DeleteGroupKey } from './delete-group-key';
import { GetGroupKeyStatus } from './get-group-key-status';
import { UpdateGroupKey } from './update-group-key';

const { watchGroupKeyEvents, ...SERVED } = GroupKeyManagementServiceService;

/** SMF to CSKMF on the wire without its alerts, which come with GK-UPDATE-T: the port answers UNIMPLEMENTED to them. */
@GrpcController(SERVED)
export class GroupKeyManagementController implements Handlers<typeof SERVED> {
  constructor(
    private readonly create: CreateGroupKey,
    private readonly update: UpdateGroupKey,
    private readonly remove: DeleteGroupKey,
    private readonly status: GetGroupKeyStatus,
  ) {}

  async createGroupKey(@Payload() request: CreateGroupKeyRequest, @Ctx() call: CallContext) {
    const { description } = await this.create.execute(request, call.requirePeer().uri);
    return { status: await this.status.of(description.groupId) };
  }

  async updateGroupKey(@Payload() request: UpdateGroupKeyRequest, @Ctx() call: CallContext) {
    const { description } = await this.update.execute(request, call.requirePeer().uri);
    return { status: await this.status.of(description.groupId) };
  }

  async deleteGroupKey(@Payload() request: DeleteGroupKeyRequest, @Ctx() call: CallContext) {
    const { description } = await this.remove.execute(request, call.requirePeer().uri);
    return { status: await this.status.of(description.groupId) };
  }

  async getGroupKeyStatus(@Payload() request: GetGroupKeyStatusRequest) {
    return { status: await this.status.execute(request) };
  }
}
