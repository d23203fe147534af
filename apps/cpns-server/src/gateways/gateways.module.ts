/** What the CPNS Server keeps of each gateway: its identity, and what it may assign Entity-User Keys with. */
import { OwnsRecords, RecentRecordsModule } from '@cpns/platform';
import { Module } from '@nestjs/common';
import {
  GatewayRecords,
  GatewayStanding,
  PersonalNetworks,
  FIRST_SEED,
  GATEWAY_CA,
  IDENTITY,
  PROVISIONED,
} from './records';

@OwnsRecords(IDENTITY, PROVISIONED, FIRST_SEED, GATEWAY_CA)
@Module({
  imports: [RecentRecordsModule],
  providers: [GatewayRecords, GatewayStanding, PersonalNetworks],
  exports: [GatewayRecords, GatewayStanding, PersonalNetworks],
})
export class GatewaysModule {}
