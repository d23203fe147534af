/** What a device can do, as it reports it. */
import { Module } from '@nestjs/common';
import { LiveCredentialsModule } from '../live-credentials/live-credentials.module';
import { PeersModule } from '../peers/peers.module';
import { DeviceCapabilitiesController } from './device-capabilities.controller';

@Module({ imports: [LiveCredentialsModule, PeersModule], controllers: [DeviceCapabilitiesController] })
export class DeviceCapabilitiesModule {}
