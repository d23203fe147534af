/** What the CPNS Server delivers to its gateways: grants, revocations, 1st seeds and Group Keys. */
import { Module } from '@nestjs/common';
import { ChannelModule } from '../channel/channel.module';
import { CskmfModule } from '../cskmf/cskmf.module';
import { EntityUserKeyModule } from '../entity-user-key/entity-user-key.module';
import { PeersModule } from '../peers/peers.module';
import { ProvisioningModule } from '../provisioning/provisioning.module';
import { ApplyEntry } from './apply-entry';
import { DeliveryChannel } from './delivery-channel';

@Module({
  imports: [PeersModule, ChannelModule, ProvisioningModule, EntityUserKeyModule, CskmfModule],
  providers: [ApplyEntry, DeliveryChannel],
})
export class GatewayDeliveryModule {}
