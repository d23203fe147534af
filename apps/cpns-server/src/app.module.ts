/** The CPNS Server: its functions, and the two ports that serve them. */
import { EntityUserKeyServiceService } from '@cpns/contracts';
import { HealthMonitor } from '@cpns/grpc';
import { EndedPeers, GrpcTransport, ServiceIdentity, ServiceRuntimeModule } from '@cpns/platform';
import { Logger } from '@cpns/telemetry';
import { Module } from '@nestjs/common';
import { Authorities } from './authorities/authorities';
import { AuthoritiesModule } from './authorities/authorities.module';
import { CertificatesModule } from './certificates/certificates.module';
import { ServerConfig } from './config';
import { CskmfModule } from './cskmf/cskmf.module';
import { DeviceCapabilitiesModule } from './device-capabilities/device-capabilities.module';
import { EnrolmentModule } from './enrolment/enrolment.module';
import { EntityUserKeyModule } from './entity-user-key/entity-user-key.module';
import { GatewayDeliveryModule } from './gateway-delivery/gateway-delivery.module';
import { GatewayStanding } from './gateways/records';
import { GatewaysModule } from './gateways/gateways.module';
import { ProofModule } from './proof/proof.module';

/** A change of 1,000 members, each with the longest of names, in bytes. */
const SMF_MESSAGE_BYTES = 1_048_576;

const transport = {
  provide: GrpcTransport,
  inject: [ServerConfig, ServiceIdentity, GatewayStanding, EndedPeers, HealthMonitor, Logger],
  useFactory: (
    { listen, tokenListen, stopGrace }: ServerConfig,
    { tls, identify }: ServiceIdentity,
    standing: GatewayStanding,
    ended: EndedPeers,
    health: HealthMonitor,
    logger: Logger,
  ) =>
    new GrpcTransport({
      ports: {
        certificate: {
          clients: 'certificate',
          listen,
          tls,
          identify,
          // SMF names up to 1,000 entities at a time, in full
          maxMessageBytes: SMF_MESSAGE_BYTES,
          admitPeer: standing.admitPeer,
          health,
          logger,
        },
        token: {
          clients: 'none',
          listen: tokenListen,
          tls,
          only: [EntityUserKeyServiceService.assignEntityUserKey.path],
          health,
          logger,
        },
      },
      graceMs: stopGrace,
      ended,
    }),
};

@Module({
  imports: [
    ServiceRuntimeModule.forRoot({
      configClass: ServerConfig,
      imports: [AuthoritiesModule],
      before: [Authorities],
    }),
    EntityUserKeyModule,
    EnrolmentModule,
    ProofModule,
    DeviceCapabilitiesModule,
    GatewayDeliveryModule,
    CskmfModule,
    CertificatesModule,
    GatewaysModule,
  ],
  providers: [transport],
})
export class AppModule {}
