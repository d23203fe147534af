import {
  PnGatewayServiceService,
  type PnGatewayServiceAssignEntityUserKeyRequest,
  type PnGatewayServiceRegisterEntityUserKeyRequest,
} from '@cpns/contracts';
import type { CallContext, Handlers } from '@cpns/grpc';
import { GrpcController } from '@cpns/platform';
import { Ctx, Payload } from '@nestjs/microservices';
import { AssignEntityUserKey } from './assign-entity-user-key';
import { RelayToServer } from './relay-to-server';

const { assignEntityUserKey, registerEntityUserKey } = PnGatewayServiceService;
const SERVED = { assignEntityUserKey, registerEntityUserKey };

/** CPNS-1 on the wire: Entity-User Keys. The port answers UNIMPLEMENTED to RenewEntityUserKey. */
@GrpcController(SERVED)
export class EntityUserKeyController implements Handlers<typeof SERVED> {
  constructor(
    private readonly assign: AssignEntityUserKey,
    private readonly relay: RelayToServer,
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
    return { reply: await this.relay.register(request, call) };
  }
}
