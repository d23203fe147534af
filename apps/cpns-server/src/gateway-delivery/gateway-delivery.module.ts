/** What the CPNS Server sends to gateways: a sealed log for each, and the channel that carries it. */
import { CLAIM, LOG_HEAD } from '@cpns/delivery';
import { OwnsRecords } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { EntitiesModule } from '../entities/entities.module';
import { GatewaysModule } from '../gateways/gateways.module';
import { DeliveryChannels, GatewayLog } from './gateway-delivery';
import { GatewayDeliveryController } from './gateway-delivery.controller';
import { TokenOutbox } from './token-outbox';

@OwnsRecords(CLAIM, LOG_HEAD)
@Module({
  imports: [EntitiesModule, GatewaysModule],
  controllers: [GatewayDeliveryController],
  providers: [GatewayLog, DeliveryChannels, TokenOutbox],
  exports: [GatewayLog, DeliveryChannels, TokenOutbox],
})
export class GatewayDeliveryModule {}
