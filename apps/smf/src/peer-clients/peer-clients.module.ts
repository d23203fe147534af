/** The connection to the CPNS Server, and what it says of gateways and of ended certificates. */
import { ENDED, EndedPeersSource, FollowEndedPeers, OwnsRecords, ServiceIdentity } from '@cpns/platform';
import { Module, type OnApplicationShutdown } from '@nestjs/common';
import { SmfConfig } from '../config';
import { GatewayStanding, linkServer, ServerLink } from './server-link';

@OwnsRecords(ENDED)
@Module({
  providers: [
    { provide: ServerLink, inject: [SmfConfig, ServiceIdentity], useFactory: linkServer },
    { provide: EndedPeersSource, useExisting: ServerLink },
    FollowEndedPeers,
    GatewayStanding,
  ],
  exports: [ServerLink, FollowEndedPeers, GatewayStanding],
})
export class PeerClientsModule implements OnApplicationShutdown {
  constructor(private readonly server: ServerLink) {}

  /** After the modules that import this one have ended what they had under way. */
  onApplicationShutdown(): void {
    this.server.close();
  }
}
