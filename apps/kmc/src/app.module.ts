/**
 * The Key Management Centre: a process, a store and a master key of its own, so that a holder of the CPNS Server's store
 * and master key holds no Group Key material at rest.
 */
import { HealthMonitor } from '@cpns/grpc';
import { GrpcTransport, ServiceIdentity, ServiceRuntimeModule } from '@cpns/platform';
import { Logger } from '@cpns/telemetry';
import { Module } from '@nestjs/common';
import { KmcConfig } from './config';
import { KmcModule } from './kmc/kmc.module';

const transport = {
  provide: GrpcTransport,
  inject: [KmcConfig, ServiceIdentity, HealthMonitor, Logger],
  useFactory: (
    { listen, stopGrace }: KmcConfig,
    { tls, identify }: ServiceIdentity,
    health: HealthMonitor,
    logger: Logger,
  ) =>
    new GrpcTransport({
      ports: { certificate: { clients: 'certificate', listen, tls, identify, health, logger } },
      graceMs: stopGrace,
    }),
};

@Module({
  imports: [ServiceRuntimeModule.forRoot({ configClass: KmcConfig }), KmcModule],
  providers: [transport],
})
export class AppModule {}
