/** What the gateway assigns keys with: a 1st seed and a CA certificate, asked for anew before they end. */
import { OwnsRecords } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { PeersModule } from '../peers/peers.module';
import { AdoptFirstSeed } from './adopt-first-seed';
import { FirstSeeds } from './first-seeds';
import { GatewayCa } from './gateway-ca';
import { ProvisioningLoop } from './provisioning-loop';
import { CURRENT_SEED, FIRST_SEED, GATEWAY_CA, SEED_REQUEST } from './records';
import { SeedDirectory } from './seed-directory';

@OwnsRecords(FIRST_SEED, CURRENT_SEED, SEED_REQUEST, GATEWAY_CA)
@Module({
  imports: [PeersModule],
  providers: [FirstSeeds, GatewayCa, ProvisioningLoop, SeedDirectory, AdoptFirstSeed],
  exports: [FirstSeeds, GatewayCa, AdoptFirstSeed],
})
export class ProvisioningModule {}
