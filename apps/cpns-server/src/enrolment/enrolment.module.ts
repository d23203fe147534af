/** Admission: which entities may have a key, and what was put into devices and gateways before. */
import { Module } from '@nestjs/common';
import { EndsModule } from '../ends/ends.module';
import { EntitiesModule } from '../entities/entities.module';
import { GatewayLogModule } from '../gateway-log/gateway-log.module';
import { GatewaysModule } from '../gateways/gateways.module';
import { AdmitEntity } from './admit-entity';
import { EnrolmentController } from './enrolment.controller';
import { ImportEntityUserKey } from './import-entity-user-key';
import { FirstSeeds } from './first-seeds';
import { Admissions } from './admissions';
import { ImportedSecrets } from './imported-secrets';
import { ListGateways } from './list-gateways';

@Module({
  imports: [EndsModule, EntitiesModule, GatewayLogModule, GatewaysModule],
  controllers: [EnrolmentController],
  providers: [AdmitEntity, Admissions, ImportEntityUserKey, ImportedSecrets, FirstSeeds, ListGateways],
})
export class EnrolmentModule {}
