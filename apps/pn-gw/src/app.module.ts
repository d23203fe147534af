/** The PN GW: serves the entities of its PN, over a store of its own, also while the CPNS Server is away. */
import { CpnsError, systemClock } from '@cpns/core';
import { HealthMonitor, peerIdentifier } from '@cpns/grpc';
import { GrpcTransport, StoreModule } from '@cpns/platform';
import { Logger } from '@cpns/telemetry';
import { Module } from '@nestjs/common';
import { OwnGateway } from './common/own-gateway';
import { GatewayConfig } from './config';
import { CskmfModule } from './cskmf/cskmf.module';
import { DeviceCapabilitiesModule } from './device-capabilities/device-capabilities.module';
import { EntityUserKeyModule } from './entity-user-key/entity-user-key.module';
import { GatewayDeliveryModule } from './gateway-delivery/gateway-delivery.module';
import { GatewayIdentityModule, OneTime } from './gateway-identity/gateway-identity.module';
import { LiveCredentials } from './live-credentials/live-credentials';
import { LiveCredentialsModule } from './live-credentials/live-credentials.module';
import { PeersModule } from './peers/peers.module';
import { SoleProcess } from './peers/sole-process';
import { VerifyProof } from './entity-user-key/assigned-keys';
import { ProvisioningModule } from './provisioning/provisioning.module';
import { ServiceGroupModule } from './service-group/service-group.module';
import { SmfModule } from './smf/smf.module';

const store = StoreModule.forRoot({
  inject: [GatewayConfig, OneTime],
  useFactory: ({ store: url, masterKeyFile }: GatewayConfig) => ({ url, masterKeyFile }),
});

/** Two ports that serve the same RPCs: for entities whose key is a key pair, and for those that send tokens and proofs. */
const transport = {
  provide: GrpcTransport,
  inject: [GatewayConfig, OwnGateway, VerifyProof, HealthMonitor, Logger],
  useFactory: (
    { listen, tokenListen, stopGrace }: GatewayConfig,
    { tls, chain, name: { trustDomain } }: OwnGateway,
    proofs: VerifyProof,
    health: HealthMonitor,
    logger: Logger,
  ) => {
    const identify = peerIdentifier({ issuingCaDer: issuingCaOf(chain), trustDomain, clock: systemClock });
    return new GrpcTransport({
      ports: {
        certificate: { clients: 'certificate', listen, tls, identify, health, logger },
        token: {
          clients: 'none',
          listen: tokenListen,
          tls,
          verifyProof: proofs.execute.bind(proofs),
          health,
          logger,
        },
      },
      graceMs: stopGrace,
    });
  },
};

/** The gateway's chain is leaf, issuing CA, root: only the issuing CA stands between. */
function issuingCaOf([, issuingCa]: readonly Buffer[]): Buffer {
  if (issuingCa === undefined) throw new CpnsError('INTERNAL', 'the gateway’s chain has no issuing CA');
  return issuingCa;
}

/** Each module stands after those that it imports: Nest does not end it before them in every other order. */
export const FUNCTIONS = [
  PeersModule,
  ServiceGroupModule,
  LiveCredentialsModule,
  ProvisioningModule,
  EntityUserKeyModule,
  DeviceCapabilitiesModule,
  CskmfModule,
  GatewayDeliveryModule,
  SmfModule,
];

@Module({ imports: [GatewayIdentityModule, store, ...FUNCTIONS], providers: [transport] })
export class AppModule {
  constructor(health: HealthMonitor, credentials: LiveCredentials, sole: SoleProcess) {
    health.add({ name: 'credentials', check: () => credentials.assertCertain() });
    health.add({ name: 'identity', check: () => sole.assertAdmitted() });
  }
}
