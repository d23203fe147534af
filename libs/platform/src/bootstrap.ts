import { CpnsError } from '@cpns/core';
import { logLibraryTo } from '@cpns/grpc';
import { EXIT_CONFIGURATION, loadConfig } from '@cpns/settings';
import { createLogger, startTelemetry, type Logger } from '@cpns/telemetry';
import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { AsyncMicroserviceOptions } from '@nestjs/microservices';
import { renameSync, writeFileSync } from 'node:fs';
import type { CommonConfig, ConfigClass } from './common-config';
import { GrpcTransport } from './grpc-transport';
import { NestLogger } from './nest-logger';
import { PlatformModule } from './platform.module';

const EXIT_FAILURE = 1;
/** What closing stores and handing over spans may take after the grace, milliseconds. */
const CLOSING_MS = 5_000;

export interface Service<C extends CommonConfig> {
  /** service.name, and what logs call it. */
  readonly name: string;
  readonly configClass: ConfigClass<C>;
  /** It provides a {@link GrpcTransport}. */
  readonly module: Type<unknown>;
}

/**
 * The main function of a service's process: settings, log, modules, ports. A wrong configuration ends it with one
 * sentence and code 78, an error that was not caught with a line of log and code 1, SIGTERM or SIGINT gracefully with
 * code 0, a second one of these at once with code 1.
 */
export async function bootstrap<C extends CommonConfig>(service: Service<C>): Promise<void> {
  const { name } = service;
  try {
    const config = loadConfig(service.configClass.settings, process.env) as C;
    const logger = createLogger({ service: name, level: config.logLevel });
    logLibraryTo(logger);
    exitOnFault(logger);
    const addresses = await startApplication(service, config, logger);
    logger.info('service ready', { addresses });
    if (config.readyFile !== undefined)
      writeReadyFile(config.readyFile, { service: name, pid: process.pid, addresses });
  } catch (error) {
    exitOnStartFailure(name, error);
  }
}

/** @returns `host:port` of each port by its name */
async function startApplication<C extends CommonConfig>(
  { name, configClass, module }: Service<C>,
  config: C,
  logger: Logger,
): Promise<Readonly<Record<string, string>>> {
  const endpoint = process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
  const telemetry = startTelemetry({ service: name, logger, ...(endpoint && { endpoint }) });
  const platform = PlatformModule.forRoot({ name, configClass, config, logger, telemetry });
  const app = await NestFactory.createMicroservice<AsyncMicroserviceOptions>(
    { module, imports: [platform] },
    {
      inject: [GrpcTransport],
      useFactory: (strategy: GrpcTransport) => ({ strategy }),
      logger: new NestLogger(logger),
      abortOnError: false,
    },
  );
  await app.listen();
  // not sooner: a signal during the start ends the process at once, and no port opens in the middle of a stop
  app.enableShutdownHooks(['SIGTERM', 'SIGINT'], { useProcessExit: true });
  limitStop(logger, config.stopGrace + CLOSING_MS);
  return app.get(GrpcTransport, { strict: false }).addresses;
}

/** Nest ignores a second signal and waits for its hooks without end. */
function limitStop(logger: Logger, limitMs: number): void {
  let asked = false;
  const stop = (signal: string) => {
    if (asked) process.exit(EXIT_FAILURE);
    asked = true;
    logger.info('service stopping', { signal });
    setTimeout(() => process.exit(EXIT_FAILURE), limitMs).unref();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

function exitOnFault(logger: Logger): void {
  const fatal = (message: string) => (error: unknown) => {
    logger.fatal(message, { error });
    process.exit(EXIT_FAILURE);
  };
  process.on('uncaughtException', fatal('uncaught exception'));
  process.on('unhandledRejection', fatal('unhandled rejection'));
}

function exitOnStartFailure(name: string, error: unknown): never {
  if (error instanceof CpnsError && error.reason === 'CONFIGURATION_INVALID') {
    process.stderr.write(`${name}: ${error.message}\n`);
    process.exit(EXIT_CONFIGURATION);
  }
  // whatever level is set: a service that is gone has to say why
  createLogger({ service: name }).fatal('service did not start', { error });
  process.exit(EXIT_FAILURE);
}

/** The whole file or none of it: a launcher may be polling for it. */
function writeReadyFile(path: string, content: unknown): void {
  const draft = `${path}.${process.pid}.tmp`;
  writeFileSync(draft, `${JSON.stringify(content)}\n`, { mode: 0o600 });
  renameSync(draft, path);
}
