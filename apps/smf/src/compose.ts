/** The Service Management Function in the Server domain (SMF-SRV): it owns Service Groups and their members. */
import { createServerPort } from '@cpns/grpc';
import { openServerSide, type Infrastructure, type ServiceParts } from '@cpns/service';
import type { SmfConfig } from './config';

export async function compose(config: SmfConfig, { logger, name }: Infrastructure): Promise<ServiceParts> {
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
