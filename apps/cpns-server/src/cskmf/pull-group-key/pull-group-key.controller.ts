import { GroupKeyDeliveryServiceService, type GroupKeyDeliveryServicePullGroupKeyRequest } from '@cpns/contracts';
import { gatewayOf, MAX_MESSAGE_BYTES, type CallContext, type Handlers } from '@cpns/grpc';
import { GrpcController } from '@cpns/platform';
import { Ctx, Payload } from '@nestjs/microservices';
import { PullGroupKey } from './pull-group-key';

const { pullGroupKey } = GroupKeyDeliveryServiceService;
const SERVED = { pullGroupKey };

/** CSKMF to CSKMF on the wire: pulls. */
@GrpcController(SERVED, { maxRequestBytes: MAX_MESSAGE_BYTES, runsDuringRevocationCheck: ['pullGroupKey'] })
export class PullGroupKeyController implements Handlers<typeof SERVED> {
  constructor(private readonly pull: PullGroupKey) {}

  pullGroupKey(@Payload() request: GroupKeyDeliveryServicePullGroupKeyRequest, @Ctx() call: CallContext) {
    return this.pull.execute(request, gatewayOf(call), call.standing);
  }
}
