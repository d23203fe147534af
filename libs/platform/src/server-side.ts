/** For services that are not on NestJS yet. */
import { HealthMonitor } from '@cpns/grpc';
import type { Config } from '@cpns/settings';
import { openRecords, openStore, type Records, type Store } from '@cpns/store';
import type { Logger } from '@cpns/telemetry';
import { readServiceIdentity, type ServiceIdentity } from './service-identity';
import type { SERVER_SIDE_SETTINGS } from './service-runtime.module';
import { checkMasterKeyFile, storeUrl } from './store.module';

export interface ServerSide {
  readonly uri: string;
  readonly identity: ServiceIdentity;
  readonly identify: ServiceIdentity['identify'];
  readonly store: Store;
  readonly records: Records;
  readonly health: HealthMonitor;
}

export async function openServerSide(
  config: Config<typeof SERVER_SIDE_SETTINGS>,
  name: string,
  logger: Logger,
): Promise<ServerSide> {
  const identity = readServiceIdentity(config, name);
  await checkMasterKeyFile(config.masterKeyFile);
  const store = await openStore(storeUrl(config.store), {
    onError: (error) => logger.warn('store failed behind the calls', { error }),
  });
  const records = await openRecords({ store, service: name, masterKeyFile: config.masterKeyFile.path });
  const health = new HealthMonitor({ checks: [{ name: 'store', check: () => store.ping() }], logger });
  return { uri: identity.uri, identity, identify: identity.identify, store, records, health };
}
