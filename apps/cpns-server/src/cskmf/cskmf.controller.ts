import {
  GroupKeyManagementServiceService,
  type CreateGroupKeyRequest,
  type DeleteGroupKeyRequest,
  type GetGroupKeyStatusRequest,
  type UpdateGroupKeyRequest,
  GroupKeyDeliveryServiceService,
  type GroupKeyDeliveryServicePullGroupKeyRequest,
} from '@cpns/contracts';
import { type CallContext, type Handlers, gatewayOf, MAX_MESSAGE_BYTES } from '@cpns/grpc';
import { GrpcController } from '@cpns/platform';
import { Ctx, Payload } from '@nestjs/microservices';
import { ManageGroupKeys } from './manage-group-keys';
import { PullGroupKey } from './pull-group-key';

const { watchGroupKeyEvents, ...MANAGEMENT } = GroupKeyManagementServiceService;

/** SMF to CSKMF on the wire without its alerts, which come with GK-UPDATE-T: the port answers UNIMPLEMENTED to them. */
@GrpcController(MANAGEMENT)
export class GroupKeyManagementController implements Handlers<typeof MANAGEMENT> {
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

const { pullGroupKey } = GroupKeyDeliveryServiceService;
const PULLS = { pullGroupKey };

/** CSKMF to CSKMF on the wire: pulls. */
@GrpcController(PULLS, { maxRequestBytes: MAX_MESSAGE_BYTES, runsDuringRevocationCheck: ['pullGroupKey'] })
export class PullGroupKeyController implements Handlers<typeof PULLS> {
  constructor(private readonly pull: PullGroupKey) {}

  pullGroupKey(@Payload() request: GroupKeyDeliveryServicePullGroupKeyRequest, @Ctx() call: CallContext) {
    return this.pull.execute(request, gatewayOf(call), call.standing);
  }
}
