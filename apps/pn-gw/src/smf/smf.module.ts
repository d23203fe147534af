/** SMF in the PN GW: takes the SMF's notices of Service Groups, and relays who wants to join or leave one. */
import { Module } from '@nestjs/common';
import { ChannelModule } from '../channel/channel.module';
import { CskmfModule } from '../cskmf/cskmf.module';
import { PeersModule } from '../peers/peers.module';
import { ServiceGroupModule } from '../service-group/service-group.module';
import { ApplyNotice } from './apply-notice/apply-notice';
import { NoticeChannel } from './notice-channel';
import { RelayMembership } from './relay-membership';
import { SmfController } from './smf.controller';

@Module({
  imports: [PeersModule, ChannelModule, ServiceGroupModule, CskmfModule],
  controllers: [SmfController],
  providers: [ApplyNotice, NoticeChannel, RelayMembership],
})
export class SmfModule {}
