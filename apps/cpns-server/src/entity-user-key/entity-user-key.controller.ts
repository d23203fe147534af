import {
  EntityUserKeyServiceService,
  type EntityUserKeyServiceAssignEntityUserKeyRequest,
  type EntityUserKeyServiceRegisterEntityUserKeyRequest,
  type GetEntityUserKeyRequest,
  type ListEntityUserKeysRequest,
  type ProvisionGatewayRequest,
  type RevokeEntityUserKeyRequest,
} from '@cpns/contracts';
import { gatewayOf, MAX_MESSAGE_BYTES, type CallContext, type Handlers } from '@cpns/grpc';
import { GrpcController } from '@cpns/platform';
import { Ctx, Payload } from '@nestjs/microservices';
import { AssignEntityUserKey, type Bearer } from './assign-entity-user-key';
import { ListEntityUserKeys } from './entity-user-keys';
import { ProvisionGateway } from './provision-gateway';
import { RegisterEntityUserKey } from './register-entity-user-key';
import { RevokeEntityUserKey } from './revoke-entity-user-key';

const { renewEntityUserKey, ...SERVED } = EntityUserKeyServiceService;

/**
 * CPNS-2 on the wire, without its renewals, which the ports answer UNIMPLEMENTED to. The token port serves
 * AssignEntityUserKey of it, for gateways that enrol themselves.
 */
@GrpcController(SERVED, { maxRequestBytes: MAX_MESSAGE_BYTES })
export class EntityUserKeyController implements Handlers<typeof SERVED> {
  constructor(
    private readonly assign: AssignEntityUserKey,
    private readonly register: RegisterEntityUserKey,
    private readonly provision: ProvisionGateway,
    private readonly revoke: RevokeEntityUserKey,
    private readonly keys: ListEntityUserKeys,
  ) {}

  provisionGateway(@Payload() request: ProvisionGatewayRequest, @Ctx() call: CallContext) {
    return this.provision.execute(request, call.requirePeer());
  }

  assignEntityUserKey(@Payload() message: EntityUserKeyServiceAssignEntityUserKeyRequest, @Ctx() call: CallContext) {
    const bearer: Bearer =
      call.peer === undefined ? { kind: 'self', path: call.method } : { kind: 'relay', gateway: gatewayOf(call) };
    return this.assign.execute(message.request, message.method, bearer);
  }

  registerEntityUserKey(
    @Payload() { request }: EntityUserKeyServiceRegisterEntityUserKeyRequest,
    @Ctx() call: CallContext,
  ) {
    return this.register.execute(request, gatewayOf(call));
  }

  revokeEntityUserKey(@Payload() request: RevokeEntityUserKeyRequest, @Ctx() call: CallContext) {
    return this.revoke.execute(request, { uri: call.requirePeer().uri, deadline: call.deadline });
  }

  getEntityUserKey(@Payload() request: GetEntityUserKeyRequest) {
    return this.keys.get(request);
  }

  listEntityUserKeys(@Payload() request: ListEntityUserKeysRequest) {
    return this.keys.list(request);
  }
}
