import { CpnsError } from '@cpns/core';
import { HealthMonitor } from '@cpns/grpc';
import { settings, type FileSetting, type StoreLocation } from '@cpns/settings';
import { FileMasterKey, openRecords, openStore, Records, Store } from '@cpns/store';
import { Logger } from '@cpns/telemetry';
import {
  Module,
  type BeforeApplicationShutdown,
  type DynamicModule,
  type FactoryProvider,
  type ModuleMetadata,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { ServiceName } from './platform.module';

/** Each from its `CPNS_*` variable. */
export const STORE_SETTINGS = {
  store: settings.store(),
  /** 32 bytes that wrap the data keys. */
  masterKeyFile: settings.file(),
} as const;

/** Where a process keeps its state. */
export abstract class StoreConfig {
  /** `redis://…`, `rediss://…` or `embedded:` and a directory. */
  abstract readonly url: string;
  abstract readonly masterKeyFile: FileSetting;
}

/** The URL of a store that a setting names. */
export const storeUrl = (location: StoreLocation): string =>
  location.kind === 'embedded' ? `embedded:${location.directory}` : location.url;

export interface StoreModuleOptions extends Pick<ModuleMetadata, 'imports'>, Pick<FactoryProvider, 'inject'> {
  /** Made before the store is: what it injects is checked before a store exists that could not be used. */
  readonly useFactory: (...dependencies: never[]) => StoreConfig | Promise<StoreConfig>;
}

/** Store, records and health of a process, in all of its modules; closed after everything that uses them. */
@Module({})
export class StoreModule implements OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown {
  constructor(
    private readonly store: Store,
    private readonly health: HealthMonitor,
  ) {}

  static forRoot({ imports = [], inject = [], useFactory }: StoreModuleOptions): DynamicModule {
    return {
      module: StoreModule,
      global: true,
      imports,
      providers: [
        { provide: StoreConfig, inject, useFactory },
        { provide: Store, inject: [StoreConfig, Logger], useFactory: openCheckedStore },
        { provide: Records, inject: [StoreConfig, Store, ServiceName], useFactory: recordsOf },
        { provide: HealthMonitor, inject: [Store, Logger], useFactory: monitorOf },
      ],
      exports: [Store, Records, HealthMonitor],
    };
  }

  onApplicationBootstrap(): Promise<void> {
    return this.health.start();
  }

  /** Before the ports stop taking calls, so that a load balancer sees it first. */
  beforeApplicationShutdown(): Promise<void> {
    return this.health.stop();
  }

  onApplicationShutdown(): Promise<void> {
    return this.store.close();
  }
}

/** Looks at the master key first: no store is made that nothing could open. */
async function openCheckedStore({ url, masterKeyFile }: StoreConfig, logger: Logger): Promise<Store> {
  await checkMasterKeyFile(masterKeyFile);
  return openStore(url, { onError: (error) => logger.warn('store failed behind the calls', { error }) });
}

const recordsOf = ({ masterKeyFile }: StoreConfig, store: Store, service: ServiceName): Promise<Records> =>
  openRecords({ store, service: service.value, masterKeyFile: masterKeyFile.path });

const monitorOf = (store: Store, logger: Logger): HealthMonitor =>
  new HealthMonitor({ checks: [{ name: 'store', check: () => store.ping() }], logger });

/** @throws CpnsError CONFIGURATION_INVALID, which names the setting */
async function checkMasterKeyFile({ path }: FileSetting): Promise<void> {
  try {
    await FileMasterKey.load(path);
  } catch (cause) {
    const why = cause instanceof CpnsError ? cause.message : 'it cannot be read';
    throw new CpnsError('CONFIGURATION_INVALID', `CPNS_MASTER_KEY_FILE does not do: ${why}`, {
      metadata: { setting: 'CPNS_MASTER_KEY_FILE' },
      cause,
    });
  }
}
