import { CpnsError } from '@cpns/core';
import { logLibraryTo, type HealthMonitor, type ServerPort } from '@cpns/grpc';
import { createLogger, startTelemetry, type Logger, type Telemetry } from '@cpns/telemetry';
import { renameSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT_CONFIGURATION, loadConfig, type Config, type Environment, type Settings } from '@cpns/settings';
import { COMMON_SETTINGS } from './common-config';

const EXIT_FAILURE = 1;
/** What closing stores and handing over spans may take after the grace, milliseconds. */
const CLOSING_MS = 5_000;

/** What a service is built with. */
export interface Infrastructure {
  readonly name: string;
  readonly logger: Logger;
  readonly telemetry: Telemetry;
}

/** What a service is built of. Started in the order health, `start`, ports; stopped the other way round. */
export interface ServiceParts {
  /** By a name that the ready line shows, such as `grpc` or `token`. */
  readonly ports: Readonly<Record<string, ServerPort>>;
  readonly health?: HealthMonitor;
  /** Loops, relays, streams to others. */
  readonly start?: () => Promise<void>;
  /** After the ports have stopped: loops, connections, stores. */
  readonly stop?: () => Promise<void>;
}

export interface ServiceDefinition<S extends Settings> {
  /** service.name, and what logs call it. */
  readonly name: string;
  readonly settings: S;
  readonly build: (config: Config<S>, infra: Infrastructure) => Promise<ServiceParts>;
}

export interface RunningService {
  /** `host:port` of each port by its name. */
  readonly addresses: Readonly<Record<string, string>>;
  readonly logger: Logger;
  /** How long calls under way may take once a stop was asked for, milliseconds. */
  readonly stopGrace: number;
  /** Once; later calls get the same promise. */
  stop(): Promise<void>;
}

/** The whole file or none of it: a launcher may be polling for it. */
function writeReadyFile(path: string, content: unknown): void {
  const draft = `${path}.${process.pid}.tmp`;
  writeFileSync(draft, `${JSON.stringify(content)}\n`, { mode: 0o600 });
  renameSync(draft, path);
}

/** Runs all, also when some fail, and then reports the first failure. */
async function allOf(actions: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(actions);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

async function stopParts(parts: ServiceParts, graceMs: number): Promise<void> {
  await parts.health?.stop();
  try {
    await allOf(Object.values(parts.ports).map((port) => port.stop(graceMs)));
  } finally {
    await parts.stop?.();
  }
}

async function startParts(parts: ServiceParts): Promise<Record<string, string>> {
  await parts.health?.start();
  await parts.start?.();
  const addresses: Record<string, string> = {};
  for (const [name, port] of Object.entries(parts.ports)) {
    await port.start();
    addresses[name] = port.address;
  }
  return addresses;
}

/**
 * Starts a service in this process and says so in one line of log, and in the ready file.
 * @throws CpnsError CONFIGURATION_INVALID before anything was started; whatever `build` and the start throw
 */
export async function startService<S extends Settings>(
  definition: ServiceDefinition<S>,
  env: Environment,
): Promise<RunningService> {
  const all = loadConfig({ ...definition.settings, ...COMMON_SETTINGS }, env);
  const own = all as Config<S>;
  const { logLevel, readyFile, stopGrace } = all as Config<typeof COMMON_SETTINGS>;
  const logger = createLogger({ service: definition.name, level: logLevel });
  logLibraryTo(logger);
  const endpoint = env.OTEL_EXPORTER_OTLP_ENDPOINT;
  const telemetry = startTelemetry({
    service: definition.name,
    logger,
    ...(endpoint === undefined || endpoint === '' ? {} : { endpoint }),
  });
  const parts = await definition.build(own, { name: definition.name, logger, telemetry });
  let stopped: Promise<void> | undefined;
  const stop = async () => {
    await stopParts(parts, stopGrace);
    await telemetry.shutdown();
    logger.info('service stopped');
  };
  try {
    const addresses = await startParts(parts);
    logger.info('service ready', { addresses });
    if (readyFile !== undefined) writeReadyFile(readyFile, { service: definition.name, pid: process.pid, addresses });
    return { addresses, logger, stopGrace, stop: () => (stopped ??= stop()) };
  } catch (error) {
    await stopParts(parts, 0);
    throw error;
  }
}

/** The parts of `process` that a service's life hangs on. */
export interface ServiceHost {
  readonly env: Environment;
  on(event: 'SIGTERM' | 'SIGINT', listener: () => void): unknown;
  on(event: 'uncaughtException' | 'unhandledRejection', listener: (error: unknown) => void): unknown;
  exit(code: number): void;
  readonly stderr: { write(text: string): unknown };
}

function exitOnStartFailure(name: string, error: unknown, host: ServiceHost): void {
  if (error instanceof CpnsError && error.reason === 'CONFIGURATION_INVALID') {
    host.stderr.write(`${name}: ${error.message}\n`);
    return host.exit(EXIT_CONFIGURATION);
  }
  createLogger({ service: name, destination: host.stderr }).fatal('service did not start', { error });
  host.exit(EXIT_FAILURE);
}

function stopOnSignal(service: RunningService, host: ServiceHost): void {
  let asked = false;
  const stop = (signal: string) => {
    if (asked) return host.exit(EXIT_FAILURE); // asked twice: whoever asks does not want to wait
    asked = true;
    service.logger.info('service stopping', { signal });
    const late = sleep(service.stopGrace + CLOSING_MS, 'late' as const, { ref: false });
    Promise.race([service.stop().then(() => 'done' as const), late]).then(
      (outcome) => host.exit(outcome === 'done' ? 0 : EXIT_FAILURE),
      (error: unknown) => {
        service.logger.error('service did not stop cleanly', { error });
        host.exit(EXIT_FAILURE);
      },
    );
  };
  host.on('SIGTERM', () => stop('SIGTERM'));
  host.on('SIGINT', () => stop('SIGINT'));
}

/**
 * The main function of a service's process. A wrong configuration ends it with one sentence and code 78, anything that
 * nobody caught with a line of log and code 1, SIGTERM or SIGINT gracefully with code 0.
 */
export async function runService<S extends Settings>(
  definition: ServiceDefinition<S>,
  host: ServiceHost = process,
): Promise<void> {
  try {
    const service = await startService(definition, host.env);
    const fatal = (message: string) => (error: unknown) => {
      service.logger.fatal(message, { error });
      host.exit(EXIT_FAILURE);
    };
    host.on('uncaughtException', fatal('uncaught exception'));
    host.on('unhandledRejection', fatal('unhandled rejection'));
    stopOnSignal(service, host);
  } catch (error) {
    exitOnStartFailure(definition.name, error, host);
  }
}
