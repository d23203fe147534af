/** Joining and leaving a Service Group, as PNEs ask for it through the SMF in their PN GW (SMF-GW). */
import { Module } from '@nestjs/common';
import { GatewayStandingModule } from '../gateway-standing/gateway-standing.module';
import { GroupChangesModule } from '../group-changes/group-changes.module';
import { AskMembership } from './ask-membership';
import { JoinServiceGroup } from './join-service-group';
import { LeaveServiceGroup } from './leave-service-group';
import { MembershipController } from './membership.controller';

@Module({
  imports: [GroupChangesModule, GatewayStandingModule],
  controllers: [MembershipController],
  providers: [AskMembership, JoinServiceGroup, LeaveServiceGroup],
})
export class MembershipModule {}
