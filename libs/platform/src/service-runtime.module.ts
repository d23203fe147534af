import type { Config } from '@cpns/settings';
import { Module, type DynamicModule, type FactoryProvider, type ModuleMetadata, type Type } from '@nestjs/common';
import { EndedPeers } from './ended-peers';
import { OwnIdentity } from './own-identity';
import { ServiceName } from './platform.module';
import { IDENTITY_SETTINGS, readServiceIdentity, ServiceIdentity } from './service-identity';
import { STORE_SETTINGS, StoreModule, storeUrl, type StoreConfig } from './store.module';

/** What every service of the Server side is told. */
export const SERVER_SIDE_SETTINGS = { ...IDENTITY_SETTINGS, ...STORE_SETTINGS } as const;
type ServerSideConfig = Config<typeof SERVER_SIDE_SETTINGS>;

export interface ServiceRuntimeOptions extends Pick<ModuleMetadata, 'imports'> {
  readonly configClass: Type<ServerSideConfig>;
  /** Providers of `imports` that settings can make fail: they are made before identity and store are. */
  readonly before?: FactoryProvider['inject'];
}

/** What every service of the Server side has, in all of its modules: an identity under the root, and its store. */
@Module({})
export class ServiceRuntimeModule {
  static forRoot({ configClass, imports = [], before = [] }: ServiceRuntimeOptions): DynamicModule {
    const identity = {
      provide: ServiceIdentity,
      inject: [configClass, ServiceName, ...before],
      useFactory: (config: ServerSideConfig, name: ServiceName) => readServiceIdentity(config, name.value),
    };
    const store = StoreModule.forRoot({
      inject: [configClass, ServiceIdentity],
      useFactory: ({ store, masterKeyFile }: ServerSideConfig): StoreConfig => ({
        url: storeUrl(store),
        masterKeyFile,
      }),
    });
    return {
      module: ServiceRuntimeModule,
      global: true,
      imports: [store, ...imports],
      providers: [identity, { provide: OwnIdentity, useExisting: ServiceIdentity }, EndedPeers],
      exports: [ServiceIdentity, OwnIdentity, EndedPeers],
    };
  }
}
