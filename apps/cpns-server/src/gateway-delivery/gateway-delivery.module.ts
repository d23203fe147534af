/** What the CPNS Server sends to gateways: a sealed log for each, and the channel that carries it. */
import { Module } from '@nestjs/common';
import { GatewaysModule } from '../gateways/gateways.module';
import { DeliveryChannels, GatewayLog } from './gateway-delivery';
import { GatewayDeliveryController } from './gateway-delivery.controller';

@Module({
  imports: [GatewaysModule],
  controllers: [GatewayDeliveryController],
  providers: [GatewayLog, DeliveryChannels],
  exports: [GatewayLog, DeliveryChannels],
})
export class GatewayDeliveryModule {}
