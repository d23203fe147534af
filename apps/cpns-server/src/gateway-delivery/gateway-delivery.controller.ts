import {
  GroupKeyDeliveryServiceService,
  type OpenDeliveryChannelRequest,
  type OpenDeliveryChannelResponse,
} from '@cpns/contracts';
import { gatewayOf, MAX_MESSAGE_BYTES, type DuplexContext, type Handlers } from '@cpns/grpc';
import { GrpcController } from '@cpns/platform';
import { Ctx } from '@nestjs/microservices';
import { DeliveryChannels } from './gateway-delivery';

// pulls are answered by CSKMF
const { pullGroupKey, ...SERVED } = GroupKeyDeliveryServiceService;

/** CSKMF to CSKMF on the wire: each gateway's log. */
@GrpcController(SERVED, { maxRequestBytes: MAX_MESSAGE_BYTES })
export class GatewayDeliveryController implements Handlers<typeof SERVED> {
  constructor(private readonly channels: DeliveryChannels) {}

  async openDeliveryChannel(
    @Ctx() call: DuplexContext<OpenDeliveryChannelRequest, OpenDeliveryChannelResponse>,
  ): Promise<void> {
    gatewayOf(call);
    const { uri, fingerprint } = call.requirePeer();
    await this.channels.serve({ uri, fingerprint }, call);
  }
}
