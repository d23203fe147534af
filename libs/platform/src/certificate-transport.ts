import { HealthMonitor } from '@cpns/grpc';
import { Logger } from '@cpns/telemetry';
import type { FactoryProvider, Type } from '@nestjs/common';
import type { CommonConfig } from './common-config';
import { EndedPeers } from './ended-peers';
import { GrpcTransport, type PortOptions } from './grpc-transport';
import { ServiceIdentity } from './service-identity';

/** The transport of a service of the Server side with one port, which asks its callers for certificates. */
export const certificateTransport = <C extends CommonConfig & { readonly listen: string }>(
  configClass: Type<C>,
  limits: Pick<PortOptions, 'maxMessageBytes'> = {},
): FactoryProvider<GrpcTransport> => ({
  provide: GrpcTransport,
  inject: [configClass, ServiceIdentity, EndedPeers, HealthMonitor, Logger],
  useFactory: (
    { listen, stopGrace }: C,
    { tls, identify }: ServiceIdentity,
    ended: EndedPeers,
    health: HealthMonitor,
    logger: Logger,
  ) =>
    new GrpcTransport({
      ports: { certificate: { clients: 'certificate', listen, tls, identify, health, logger, ...limits } },
      graceMs: stopGrace,
      ended,
    }),
});
