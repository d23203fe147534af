/**
 * The Key Management Centre (SECCF-KMC): a process, a store and a master key of its own, so that whoever holds the CPNS
 * Server's holds no Group Key material at rest.
 */
import { KmcServiceService } from '@cpns/contracts';
import { systemClock, systemRandom } from '@cpns/core';
import { createServerPort, implement } from '@cpns/grpc';
import { openServerSide, type Infrastructure, type ServiceParts } from '@cpns/platform';
import type { KmcConfig } from './config';
import { KmcController } from './controllers/kmc.controller';

export async function compose(config: KmcConfig, { logger, name }: Infrastructure): Promise<ServiceParts> {
  const { uri, identity, identify, health, store, records } = await openServerSide(config, name, logger);
  const keys = new KmcController({ uri, records, clock: systemClock, random: systemRandom });
  const certificate = createServerPort({
    clients: 'certificate',
    listen: config.listen,
    tls: identity.tls,
    identify,
    services: [implement(KmcServiceService, keys)],
    logger,
    health,
  });
  return { ports: { certificate }, health, stop: () => store.close() };
}
