/** What ends with a right: of an entity, a gateway or a CPNS User, and what follows from that at gateways and SMF. */
import { Module } from '@nestjs/common';
import { CertificatesModule } from '../certificates/certificates.module';
import { EntitiesModule } from '../entities/entities.module';
import { GatewayLogModule } from '../gateway-log/gateway-log.module';
import { GatewaysModule } from '../gateways/gateways.module';
import { SmfModule } from '../smf/smf.module';
import { Acknowledgements } from './acknowledgements';
import { DueEnds } from './due-ends';
import { EndEntity } from './end-entity';
import { EndGateway } from './end-gateway';
import { Endings } from './endings';
import { FollowEnds } from './follow-ends';
import { MembershipEnds } from './membership-ends';
import { RestKey } from './rest-key';
import { RetireGateway, RetirementsLoop } from './retire-gateway';

@Module({
  imports: [CertificatesModule, EntitiesModule, GatewayLogModule, GatewaysModule, SmfModule],
  providers: [
    Acknowledgements,
    DueEnds,
    EndEntity,
    EndGateway,
    Endings,
    FollowEnds,
    MembershipEnds,
    RestKey,
    RetireGateway,
    RetirementsLoop,
  ],
  exports: [DueEnds, EndEntity, Endings, RestKey, RetireGateway],
})
export class EndsModule {}
