import {
  ServiceGroupNoticeServiceService,
  type OpenNoticeChannelRequest,
  type OpenNoticeChannelResponse,
} from '@cpns/contracts';
import { gatewayOf, type DuplexContext, type Handlers } from '@cpns/grpc';
import { GrpcController } from '@cpns/platform';
import { Ctx } from '@nestjs/microservices';
import { OpenNoticeChannel } from './open-notice-channel';

/** The notice channel on the wire. */
@GrpcController(ServiceGroupNoticeServiceService)
export class NoticeController implements Handlers<typeof ServiceGroupNoticeServiceService> {
  constructor(private readonly channels: OpenNoticeChannel) {}

  async openNoticeChannel(
    @Ctx() call: DuplexContext<OpenNoticeChannelRequest, OpenNoticeChannelResponse>,
  ): Promise<void> {
    await this.channels.execute(gatewayOf(call), call.requirePeer(), call);
  }
}
