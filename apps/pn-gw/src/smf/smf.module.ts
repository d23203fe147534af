/** SMF in the PN GW: takes the SMF's notices of Service Groups, and relays who wants to join or leave one. */
import { Module } from '@nestjs/common';
import { CskmfModule } from '../cskmf/cskmf.module';
import { GatewayDeliveryModule } from '../gateway-delivery/gateway-delivery.module';
import { LiveCredentialsModule } from '../live-credentials/live-credentials.module';
import { PeersModule } from '../peers/peers.module';
import { ServiceGroupModule } from '../service-group/service-group.module';
import { ApplyNotice, NoticeChannel } from './notice-channel';
import { NoticeStaging } from './notice-staging';
import { SmfController } from './smf.controller';

@Module({
  imports: [LiveCredentialsModule, PeersModule, ServiceGroupModule, CskmfModule, GatewayDeliveryModule],
  controllers: [SmfController],
  providers: [ApplyNotice, NoticeStaging, NoticeChannel],
})
export class SmfModule {}
