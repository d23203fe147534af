import {
  PnGatewayServiceService,
  type PnGatewayServicePullGroupKeyRequest,
  type WatchGroupKeysRequest,
  type WatchGroupKeysResponse,
} from '@cpns/contracts';
import type { CallContext, Handlers, ServerStreamContext } from '@cpns/grpc';
import { FlowStep, GrpcController } from '@cpns/platform';
import { Ctx, Payload } from '@nestjs/microservices';
import { PullGroupKey } from './pull-group-key/pull-group-key';
import { WatchGroupKeys } from './watch-group-keys/watch-group-keys';

const { pullGroupKey, watchGroupKeys } = PnGatewayServiceService;
const SERVED = { pullGroupKey, watchGroupKeys };

/** CPNS-1 on the wire: Group Keys. */
@GrpcController(SERVED)
export class CskmfController implements Handlers<typeof SERVED> {
  constructor(
    private readonly pull: PullGroupKey,
    private readonly watch: WatchGroupKeys,
  ) {}

  @FlowStep('GK-PULL', 2, ['group_id', 'version'])
  async pullGroupKey(@Payload() request: PnGatewayServicePullGroupKeyRequest, @Ctx() call: CallContext) {
    return { delivery: await this.pull.execute(request, call) };
  }

  watchGroupKeys(
    @Payload() _request: WatchGroupKeysRequest,
    @Ctx() call: ServerStreamContext<WatchGroupKeysResponse>,
  ): Promise<void> {
    return this.watch.execute(call);
  }
}
