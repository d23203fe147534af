import { Clock, Random, systemClock, systemRandom } from '@cpns/core';
import { Logger, Telemetry } from '@cpns/telemetry';
import { Module, type DynamicModule, type OnApplicationShutdown, type OnModuleInit, type Type } from '@nestjs/common';
import { APP_FILTER, ModulesContainer } from '@nestjs/core';
import type { CommonConfig } from './common-config';
import { PassErrorsFilter } from './pass-errors.filter';
import { checkRecordOwners } from './record-owners';

/** service.name: what logs and traces call this service. */
export abstract class ServiceName {
  abstract readonly value: string;
}

export interface PlatformOptions<C extends CommonConfig> {
  readonly name: string;
  /** The class that constructors ask for the settings by. */
  readonly configClass: Type<C>;
  readonly config: C;
  readonly logger: Logger;
  readonly telemetry: Telemetry;
}

/** What every process has, in all of its modules: name, settings, log, clock and randomness. */
@Module({})
export class PlatformModule implements OnModuleInit, OnApplicationShutdown {
  constructor(
    private readonly modules: ModulesContainer,
    private readonly telemetry: Telemetry,
    private readonly logger: Logger,
  ) {}

  static forRoot<C extends CommonConfig>(options: PlatformOptions<C>): DynamicModule {
    const { name, configClass, config, logger, telemetry } = options;
    const shared = [
      { provide: ServiceName, useValue: { value: name } },
      { provide: configClass, useValue: config },
      { provide: Logger, useValue: logger },
      { provide: Telemetry, useValue: telemetry },
      { provide: Clock, useValue: systemClock },
      { provide: Random, useValue: systemRandom },
    ];
    const providers = [...shared, { provide: APP_FILTER, useClass: PassErrorsFilter }];
    return { module: PlatformModule, global: true, providers, exports: shared };
  }

  /** @throws Error for a record with two owners */
  onModuleInit(): void {
    checkRecordOwners([...this.modules.values()].map(({ metatype }) => metatype));
  }

  async onApplicationShutdown(): Promise<void> {
    await this.telemetry.shutdown();
    this.logger.info('service stopped');
  }
}
