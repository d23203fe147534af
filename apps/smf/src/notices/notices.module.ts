/** SMF to the SMF in each PN GW: tells gateways of the Service Groups that have members in their PN. */
import { OwnsRecords } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { GatewayStandingModule } from '../gateway-standing/gateway-standing.module';
import { GroupChangesModule } from '../group-changes/group-changes.module';
import { NoticeLogModule } from '../notice-log/notice-log.module';
import { IntroduceGateway } from './introduce-gateway';
import { NoticeController } from './notice.controller';
import { OpenNoticeChannel } from './open-notice-channel';
import { INTRODUCED } from './records';
import { SendNotice } from './send-notice';

@OwnsRecords(INTRODUCED)
@Module({
  imports: [GroupChangesModule, NoticeLogModule, GatewayStandingModule],
  controllers: [NoticeController],
  providers: [IntroduceGateway, SendNotice, OpenNoticeChannel],
})
export class NoticesModule {}
