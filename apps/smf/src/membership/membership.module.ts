/** Joining and leaving a Service Group, as PNEs ask for it through the SMF in their PN GW (SMF-GW). */
import { Module } from '@nestjs/common';
import { GatewayStandingModule } from '../gateway-standing/gateway-standing.module';
import { GroupChangesModule } from '../group-changes/group-changes.module';
import { Membership } from './membership';
import { MembershipController } from './membership.controller';

@Module({
  imports: [GroupChangesModule, GatewayStandingModule],
  controllers: [MembershipController],
  providers: [Membership],
})
export class MembershipModule {}
