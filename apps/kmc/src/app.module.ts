/**
 * The Key Management Centre: a process, a store and a master key of its own, so that a holder of the CPNS Server's store
 * and master key holds no Group Key material at rest.
 */
import { certificateTransport, ServiceRuntimeModule } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { KmcConfig } from './config';
import { KmcModule } from './kmc/kmc.module';
import { ServerLinkModule } from './server-link/server-link.module';

@Module({
  imports: [ServiceRuntimeModule.forRoot({ configClass: KmcConfig }), KmcModule, ServerLinkModule],
  providers: [certificateTransport(KmcConfig)],
})
export class AppModule {}
