import type { Logger } from '@cpns/telemetry';
import type { DynamicModule, INestApplicationContext, LoggerService, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import 'reflect-metadata';
import type { ServiceParts } from './run-service';

/** Nest's own words go to the service's log, its start-up chatter at debug level. */
class NestLog implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log = (message: unknown) => this.logger.debug(String(message));
  debug = (message: unknown) => this.logger.debug(String(message));
  verbose = (message: unknown) => this.logger.trace(String(message));
  warn = (message: unknown) => this.logger.warn(String(message));
  error = (message: unknown) =>
    this.logger.error(message instanceof Error ? 'composition failed' : String(message), { error: message });
  fatal = (message: unknown) => this.logger.fatal(String(message));
}

/**
 * Composes a service with Nest: modules and providers, no HTTP and no transport of Nest's. The application context is
 * closed after the ports, which runs onModuleDestroy, beforeApplicationShutdown and onApplicationShutdown of each provider.
 * @param pick takes ports, health and what has to be started out of the context
 */
export async function composeWithNest(
  module: Type | DynamicModule,
  logger: Logger,
  pick: (app: INestApplicationContext) => ServiceParts,
): Promise<ServiceParts> {
  const app = await NestFactory.createApplicationContext(module, { logger: new NestLog(logger), abortOnError: false });
  const parts = pick(app);
  return {
    ...parts,
    stop: async () => {
      await parts.stop?.();
      await app.close();
    },
  };
}
