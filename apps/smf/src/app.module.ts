/** The Service Management Function in the Server domain (SMF-SRV): it owns Service Groups and their members. */
import { HealthMonitor } from '@cpns/grpc';
import { GrpcTransport, ServiceIdentity, ServiceRuntimeModule } from '@cpns/platform';
import { Logger } from '@cpns/telemetry';
import { Module } from '@nestjs/common';
import { SmfConfig } from './config';
import { MembershipModule } from './membership/membership.module';
import { NoticesModule } from './notices/notices.module';
import { ServiceGroupModule } from './service-group/service-group.module';

/** 1,000 names of the longest kind are a third of a mebibyte; a group document is one. In bytes. */
const MESSAGE_MAX_BYTES = 8 * 1024 * 1024;

const transport = {
  provide: GrpcTransport,
  inject: [SmfConfig, ServiceIdentity, HealthMonitor, Logger],
  useFactory: (
    { listen, stopGrace }: SmfConfig,
    { tls, identify }: ServiceIdentity,
    health: HealthMonitor,
    logger: Logger,
  ) => {
    const maxMessageBytes = MESSAGE_MAX_BYTES;
    return new GrpcTransport({
      ports: { certificate: { clients: 'certificate', listen, tls, identify, maxMessageBytes, health, logger } },
      graceMs: stopGrace,
    });
  },
};

@Module({
  imports: [
    ServiceRuntimeModule.forRoot({ configClass: SmfConfig }),
    ServiceGroupModule,
    MembershipModule,
    NoticesModule,
  ],
  providers: [transport],
})
export class AppModule {}
