import {
  PnGatewayServiceService,
  type PnGatewayServiceAssignEntityUserKeyRequest,
  type PnGatewayServiceRegisterEntityUserKeyRequest,
} from '@cpns/contracts';
import type { CallContext, Handlers } from '@cpns/grpc';
import { GrpcController } from '@cpns/platform';
import { Ctx, Payload } from '@nestjs/microservices';
import { AssignEntityUserKey } from './assign-entity-user-key/assign-entity-user-key';
import { RegisterEntityUserKey } from './register-entity-user-key/register-entity-user-key';

const { assignEntityUserKey, registerEntityUserKey } = PnGatewayServiceService;
const SERVED = { assignEntityUserKey, registerEntityUserKey };

/** CPNS-1 on the wire: Entity-User Keys. The port answers UNIMPLEMENTED to RenewEntityUserKey. */
@GrpcController(SERVED)
export class EntityUserKeyController implements Handlers<typeof SERVED> {
  constructor(
    private readonly assign: AssignEntityUserKey,
    private readonly register: RegisterEntityUserKey,
  ) {}

  async assignEntityUserKey(
    @Payload() { request }: PnGatewayServiceAssignEntityUserKeyRequest,
    @Ctx() call: CallContext,
  ) {
    return { reply: await this.assign.execute(request, call) };
  }

  async registerEntityUserKey(
    @Payload() { request }: PnGatewayServiceRegisterEntityUserKeyRequest,
    @Ctx() call: CallContext,
  ) {
    return { reply: await this.register.execute(request, call) };
  }
}
