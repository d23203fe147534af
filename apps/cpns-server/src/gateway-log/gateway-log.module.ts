/** What the CPNS Server has to tell gateways: a log for each, and what is due to be put there. */
import { CLAIM, LOG_HEAD } from '@cpns/delivery';
import { OwnsRecords } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { EntitiesModule } from '../entities/entities.module';
import { GatewaysModule } from '../gateways/gateways.module';
import { GatewayLog } from './gateway-log';
import { GatewayOutbox } from './gateway-outbox';

@OwnsRecords(CLAIM, LOG_HEAD)
@Module({
  imports: [EntitiesModule, GatewaysModule],
  providers: [GatewayLog, GatewayOutbox],
  exports: [GatewayLog, GatewayOutbox],
})
export class GatewayLogModule {}
