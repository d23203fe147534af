/** What the CPNS Server sends to gateways: the channel that carries the log of each, and snapshots. */
import { Module } from '@nestjs/common';
import { CskmfModule } from '../cskmf/cskmf.module';
import { EntitiesModule } from '../entities/entities.module';
import { GatewayLogModule } from '../gateway-log/gateway-log.module';
import { GatewaysModule } from '../gateways/gateways.module';
import { DeliveryMessages } from './delivery-messages';
import { DeliveryChannels } from './gateway-delivery';
import { GatewayDeliveryController } from './gateway-delivery.controller';
import { Snapshot } from './snapshot';

@Module({
  imports: [EntitiesModule, GatewaysModule, GatewayLogModule, CskmfModule],
  controllers: [GatewayDeliveryController],
  providers: [DeliveryChannels, DeliveryMessages, Snapshot],
  exports: [DeliveryMessages, Snapshot],
})
export class GatewayDeliveryModule {}
