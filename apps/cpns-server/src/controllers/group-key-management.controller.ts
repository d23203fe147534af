import {
  GroupKeyManagementServiceService,
  type CreateGroupKeyRequest,
  type DeleteGroupKeyRequest,
  type GetGroupKeyStatusRequest,
  type UpdateGroupKeyRequest,
} from '@cpns/contracts';
import type { CallContext, Handlers } from '@cpns/grpc';
import type { CskmfContext } from '../cskmf/context';
import { CreateGroupKey } from '../cskmf/create-group-key/create-group-key';
import { DeleteGroupKey } from '../cskmf/delete-group-key/delete-group-key';
import { GetGroupKeyStatus } from '../cskmf/get-group-key-status/get-group-key-status';
import { UpdateGroupKey } from '../cskmf/update-group-key/update-group-key';

const { watchGroupKeyEvents, ...SERVED } = GroupKeyManagementServiceService;

/** SMF to CSKMF without its alerts, which come with GK-UPDATE-T: the port answers UNIMPLEMENTED to them. */
export { SERVED as GROUP_KEY_MANAGEMENT_SERVED };
/** Specified, and not served yet. */
export const ALERTS_NOT_SERVED = watchGroupKeyEvents.path;

/** SMF to CSKMF on the wire. */
export class GroupKeyManagementController implements Handlers<typeof SERVED> {
  readonly #create: CreateGroupKey;
  readonly #update: UpdateGroupKey;
  readonly #delete: DeleteGroupKey;
  readonly #status: GetGroupKeyStatus;

  constructor(cskmf: CskmfContext) {
    this.#create = new CreateGroupKey(cskmf);
    this.#update = new UpdateGroupKey(cskmf);
    this.#delete = new DeleteGroupKey(cskmf);
    this.#status = new GetGroupKeyStatus(cskmf);
  }

  async createGroupKey(request: CreateGroupKeyRequest, call: CallContext) {
    const { description } = await this.#create.execute(request, call.requirePeer().uri);
    return { status: await this.#status.of(description.groupId) };
  }

  async updateGroupKey(request: UpdateGroupKeyRequest, call: CallContext) {
    const { description } = await this.#update.execute(request, call.requirePeer().uri);
    return { status: await this.#status.of(description.groupId) };
  }

  async deleteGroupKey(request: DeleteGroupKeyRequest, call: CallContext) {
    const { description } = await this.#delete.execute(request, call.requirePeer().uri);
    return { status: await this.#status.of(description.groupId) };
  }

  async getGroupKeyStatus(request: GetGroupKeyStatusRequest) {
    return { status: await this.#status.execute(request) };
  }
}
