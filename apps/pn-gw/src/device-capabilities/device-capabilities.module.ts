/** What a device can do, as it reports it. */
import { Module } from '@nestjs/common';
import { PeersModule } from '../peers/peers.module';
import { DeviceCapabilitiesController } from './device-capabilities.controller';

@Module({ imports: [PeersModule], controllers: [DeviceCapabilitiesController] })
export class DeviceCapabilitiesModule {}
