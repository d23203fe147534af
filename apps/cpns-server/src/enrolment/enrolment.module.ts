/** Admission: which entities may have a key, and what was put into devices and gateways before. */
import { Module } from '@nestjs/common';
import { EntitiesModule } from '../entities/entities.module';
import { GatewayDeliveryModule } from '../gateway-delivery/gateway-delivery.module';
import { GatewaysModule } from '../gateways/gateways.module';
import { AdmitEntity } from './admit-entity/admit-entity';
import { EnrolmentController } from './enrolment.controller';
import { ImportEntityUserKey } from './import-entity-user-key';
import { ImportFirstSeed } from './import-first-seed';
import { ListAdmissions } from './list-admissions';
import { ListGateways } from './list-gateways';
import { RevokeAdmission } from './revoke-admission';
import { RevokeFirstSeed } from './revoke-first-seed';

@Module({
  imports: [EntitiesModule, GatewaysModule, GatewayDeliveryModule],
  controllers: [EnrolmentController],
  providers: [
    AdmitEntity,
    RevokeAdmission,
    ListAdmissions,
    ImportEntityUserKey,
    ImportFirstSeed,
    RevokeFirstSeed,
    ListGateways,
  ],
})
export class EnrolmentModule {}
