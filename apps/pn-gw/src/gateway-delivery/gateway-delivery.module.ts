/** What the CPNS Server delivers to its gateways: grants, revocations, 1st seeds and Group Keys. */
import { OwnsRecords } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { CskmfModule } from '../cskmf/cskmf.module';
import { EntityUserKeyModule } from '../entity-user-key/entity-user-key.module';
import { LiveCredentialsModule } from '../live-credentials/live-credentials.module';
import { PeersModule } from '../peers/peers.module';
import { ProvisioningModule } from '../provisioning/provisioning.module';
import { ApplyEntry } from './apply-entry';
import { Channels, DELIVERED, DeliveryChannel } from './delivery-channel';
import { StageSnapshot } from './staging';

@OwnsRecords(DELIVERED)
@Module({
  imports: [PeersModule, ProvisioningModule, EntityUserKeyModule, LiveCredentialsModule, CskmfModule],
  providers: [Channels, ApplyEntry, StageSnapshot, DeliveryChannel],
  exports: [Channels],
})
export class GatewayDeliveryModule {}
