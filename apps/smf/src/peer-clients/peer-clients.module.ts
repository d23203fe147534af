/** The connection to the CPNS Server, and what it says of gateways. */
import { ServiceIdentity } from '@cpns/platform';
import { Module, type OnApplicationShutdown } from '@nestjs/common';
import { SmfConfig } from '../config';
import { GatewayStanding, linkServer, ServerLink } from './server-link';

@Module({
  providers: [{ provide: ServerLink, inject: [SmfConfig, ServiceIdentity], useFactory: linkServer }, GatewayStanding],
  exports: [ServerLink, GatewayStanding],
})
export class PeerClientsModule implements OnApplicationShutdown {
  constructor(private readonly server: ServerLink) {}

  /** After the modules that import this one have ended what they had under way. */
  onApplicationShutdown(): void {
    this.server.close();
  }
}
