/** Whether the gateway behind a certificate still may act. */
import { Module } from '@nestjs/common';
import { PeerClientsModule } from '../peer-clients/peer-clients.module';
import { GatewayStanding } from './gateway-standing';

@Module({ imports: [PeerClientsModule], providers: [GatewayStanding], exports: [GatewayStanding] })
export class GatewayStandingModule {}
