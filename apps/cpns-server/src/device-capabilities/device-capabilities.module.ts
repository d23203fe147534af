/** The Device Capabilities Function (5.3.1.12.6.1). */
import { OwnsRecords } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { EntitiesModule } from '../entities/entities.module';
import { ProofModule } from '../proof/proof.module';
import { DeviceCapabilitiesController } from './device-capabilities.controller';
import { CAPABILITIES, ReportCapabilities } from './report-capabilities';

@OwnsRecords(CAPABILITIES)
@Module({
  imports: [EntitiesModule, ProofModule],
  controllers: [DeviceCapabilitiesController],
  providers: [ReportCapabilities],
})
export class DeviceCapabilitiesModule {}
