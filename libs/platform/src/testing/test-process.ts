import { Clock, Random, systemClock, systemRandom } from '@cpns/core';
import { Records, Store } from '@cpns/store';
import { recordsOn } from '@cpns/store/testing';
import { Logger } from '@cpns/telemetry';
import { MemoryLog } from '@cpns/telemetry/testing';
import {
  Module,
  type ClassProvider,
  type DynamicModule,
  type ModuleMetadata,
  type Provider,
  type Type,
  type ValueProvider,
} from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { Test, type TestingModule } from '@nestjs/testing';
import { EndedPeers } from '../ended-peers';
import { GrpcTransport, type GrpcTransportOptions } from '../grpc-transport';
import { OwnIdentity } from '../own-identity';
import { PassErrorsFilter } from '../pass-errors.filter';
import { ServiceName } from '../platform.module';

export interface TestProcess {
  /** Of the service. */
  readonly name: string;
  /** `cpns://...` of the process. */
  readonly uri: string;
  readonly store: Store;
  readonly modules: readonly (Type<unknown> | DynamicModule)[];
  readonly clock?: Clock;
  readonly random?: Random;
  readonly logger?: Logger;
  /** What else all modules may inject: settings, identities, clients of other services. */
  readonly providers?: readonly Provider[];
  /** Providers of the modules that are others in this test. */
  readonly overrides?: Overrides;
}

@Module({})
class TestPlatformModule {}

/** Modules of a service as one process that has nothing in memory, over a store, a clock and randomness of the test. */
export async function testProcess(process: TestProcess): Promise<TestingModule> {
  const { name, uri, store, modules, clock = systemClock, random = systemRandom } = process;
  const shared: Provider[] = [
    { provide: ServiceName, useValue: { value: name } },
    { provide: OwnIdentity, useValue: { uri } },
    { provide: Logger, useValue: process.logger ?? new MemoryLog(name).logger },
    { provide: Clock, useValue: clock },
    { provide: Random, useValue: random },
    { provide: Store, useValue: store },
    { provide: Records, useValue: await recordsOn(store, name) },
    EndedPeers,
    ...(process.providers ?? []),
  ];
  const platform: DynamicModule = {
    module: TestPlatformModule,
    global: true,
    providers: [...shared, { provide: APP_FILTER, useClass: PassErrorsFilter }],
    exports: shared as NonNullable<DynamicModule['exports']>,
  };
  return compiled([platform, ...modules], process.overrides);
}

export type Overrides = readonly (ValueProvider | ClassProvider)[];

/** Modules with other providers in the place of theirs. */
export function compiled(
  imports: NonNullable<ModuleMetadata['imports']>,
  overrides: Overrides = [],
): Promise<TestingModule> {
  const builder = Test.createTestingModule({ imports });
  for (const override of overrides) {
    const overridden = builder.overrideProvider(override.provide);
    if ('useClass' in override) overridden.useClass(override.useClass);
    else overridden.useValue(override.useValue);
  }
  return builder.compile();
}

export interface ServedModule {
  /** `host:port` of each port by its name. */
  readonly addresses: Readonly<Record<string, string>>;
  /** A provider of its modules. */
  get<T>(type: Type<T>): T;
  close(): Promise<void>;
}

/** Serves the controllers of a process on ports, through Nest. */
export const serve = (module: TestingModule, ports: GrpcTransportOptions['ports']): Promise<ServedModule> =>
  serveWith(module, new GrpcTransport({ ports, graceMs: 100, ended: module.get(EndedPeers, { strict: false }) }));

export async function serveWith(module: TestingModule, strategy: GrpcTransport): Promise<ServedModule> {
  const app = module.createNestMicroservice({ strategy });
  await app.listen();
  return {
    addresses: strategy.addresses,
    get: (type) => module.get(type, { strict: false }),
    close: () => app.close(),
  };
}
