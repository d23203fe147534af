/** Joining and leaving a Service Group, as PNEs ask for it through the SMF in their PN GW (SMF-GW). */
import { Module } from '@nestjs/common';
import { GroupChangesModule } from '../group-changes/group-changes.module';
import { PeerClientsModule } from '../peer-clients/peer-clients.module';
import { VerifyEntityProof } from './entity-proof';
import { MembershipController } from './membership.controller';

@Module({
  imports: [GroupChangesModule, PeerClientsModule],
  controllers: [MembershipController],
  providers: [VerifyEntityProof],
})
export class MembershipModule {}
