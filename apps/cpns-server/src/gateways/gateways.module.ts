/** What the CPNS Server keeps of each gateway: its identity, and what it may assign Entity-User Keys with. */
import { OwnsRecords, PersonalNetworks, PN_GATEWAYS, RecentRecordsModule } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { FIRST_SEED, GATEWAY_CA, GatewayRecords, GatewayStanding, IDENTITY, PROVISIONED, SERVED } from './records';

@OwnsRecords(IDENTITY, PROVISIONED, FIRST_SEED, SERVED, GATEWAY_CA, PN_GATEWAYS)
@Module({
  imports: [RecentRecordsModule],
  providers: [GatewayRecords, GatewayStanding, PersonalNetworks],
  exports: [GatewayRecords, GatewayStanding, PersonalNetworks],
})
export class GatewaysModule {}
