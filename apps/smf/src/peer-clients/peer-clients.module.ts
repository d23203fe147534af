/** The connections to other services. */
import { ServiceIdentity } from '@cpns/platform';
import { Module, type OnApplicationShutdown } from '@nestjs/common';
import { SmfConfig } from '../config';
import { linkServer, ServerLink } from './server-link';

@Module({
  providers: [{ provide: ServerLink, inject: [SmfConfig, ServiceIdentity], useFactory: linkServer }],
  exports: [ServerLink],
})
export class PeerClientsModule implements OnApplicationShutdown {
  constructor(private readonly server: ServerLink) {}

  /** After the modules that import this one have ended what they had under way. */
  onApplicationShutdown(): void {
    this.server.close();
  }
}
