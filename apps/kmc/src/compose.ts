/**
 * The Key Management Centre (SECCF-KMC): a process, a store and a master key of its own, so that whoever holds the CPNS
 * Server's holds no Group Key material at rest.
 */
import { createServerPort } from '@cpns/grpc';
import { openServerSide, type Infrastructure, type ServiceParts } from '@cpns/service';
import type { KmcConfig } from './config';

export async function compose(config: KmcConfig, { logger, name }: Infrastructure): Promise<ServiceParts> {
  const { identity, identify, health, store } = await openServerSide(config, name, logger);
  const certificate = createServerPort({
    clients: 'certificate',
    listen: config.listen,
    tls: identity.tls,
    identify,
    services: [],
    logger,
    health,
  });
  return { ports: { certificate }, health, stop: () => store.close() };
}
