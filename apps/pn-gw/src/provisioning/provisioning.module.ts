/** What the gateway assigns keys with: a 1st seed and a CA certificate, asked for anew before they end. */
import { OwnsRecords, RecentRecordsModule } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { LiveCredentialsModule } from '../live-credentials/live-credentials.module';
import { PeersModule } from '../peers/peers.module';
import { CURRENT_SEED, FIRST_SEED, FirstSeeds, SEED_REQUEST, SERVED } from './first-seeds';
import { GATEWAY_CA, GatewayCa } from './gateway-ca';
import { InForce } from './in-force';
import { AdoptFirstSeed } from './manufactured-seeds';
import { ProvisioningLoop } from './provisioning-loop';

@OwnsRecords(FIRST_SEED, SERVED, CURRENT_SEED, SEED_REQUEST, GATEWAY_CA)
@Module({
  imports: [PeersModule, RecentRecordsModule, LiveCredentialsModule],
  providers: [InForce, FirstSeeds, GatewayCa, ProvisioningLoop, AdoptFirstSeed],
  exports: [FirstSeeds, GatewayCa, AdoptFirstSeed],
})
export class ProvisioningModule {}
