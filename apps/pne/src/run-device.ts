import { CpnsError } from '@cpns/core';
import { EXIT_CONFIGURATION, loadConfig, type Environment } from '@cpns/settings';
import { createLogger, startTelemetry, type Logger } from '@cpns/telemetry';
import { DeviceProgram } from './device-program';
import { resultOf, writeJson } from './result-file';
import { SETTINGS, type DeviceConfig } from './settings';

const NAME = 'pne';
const EXIT_FAILURE = 1;

/** The parts of `process` that the program uses. */
export interface DeviceHost {
  readonly env: Environment;
  readonly stderr: { write(text: string): unknown };
  /** Told to listen for the signals that end a program which works off commands. */
  once?(signal: 'SIGTERM' | 'SIGINT', listener: () => void): unknown;
}

/**
 * One run: takes the device to CPNS_UNTIL, from wherever an earlier run left it, and pulls the Group Keys of CPNS_GROUPS.
 * With CPNS_COMMAND_DIRECTORY it then stays, and does what command files say; commands/command.ts lists them.
 * @returns the exit code: 0 when it is there, 78 for a wrong configuration, 1 for anything else; each failure is one line
 *   on standard error
 */
export async function runDevice(host: DeviceHost): Promise<number> {
  try {
    const config = loadConfig(SETTINGS, host.env);
    const logger = createLogger({
      service: NAME,
      level: config.logLevel,
      destination: { write: (line) => void host.stderr.write(line) },
    });
    return await traced(host, logger, () => reachGoal(host, config, logger));
  } catch (error) {
    host.stderr.write(`${NAME}: ${describe(error)}\n`);
    return error instanceof CpnsError && error.reason === 'CONFIGURATION_INVALID' ? EXIT_CONFIGURATION : EXIT_FAILURE;
  }
}

async function traced(host: DeviceHost, logger: Logger, run: () => Promise<void>): Promise<number> {
  const endpoint = host.env.OTEL_EXPORTER_OTLP_ENDPOINT;
  const telemetry = startTelemetry({ service: NAME, logger, ...(endpoint && { endpoint }) });
  try {
    await run();
    return 0;
  } catch (error) {
    logger.debug('the run ended', { error });
    throw error;
  } finally {
    await telemetry.shutdown();
  }
}

async function reachGoal(host: DeviceHost, config: DeviceConfig, logger: Logger): Promise<void> {
  const program = await DeviceProgram.open(config, logger);
  try {
    const status = await program.reach(config.until);
    const groups = await program.pullGroups();
    if (config.resultFile !== undefined) writeJson(config.resultFile, resultOf(status, groups));
    logger.info('device is ready', {
      until: config.until,
      stage: status.stage,
      entity: status.entity,
      keyId: status.keyId,
    });
    if (config.commandDirectory !== undefined) await program.workOffCommands(config.commandDirectory, stopSignal(host));
  } finally {
    await program.close();
  }
}

function stopSignal(host: DeviceHost): AbortSignal {
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) host.once?.(signal, () => stop.abort());
  return stop.signal;
}

/** What the caller may do about it; what is not ours is named, and its story is in the log at debug level. */
function describe(error: unknown): string {
  if (error instanceof CpnsError) return `${error.reason}: ${error.message}`;
  return `INTERNAL: ${error instanceof Error ? error.name : 'unknown error'}; CPNS_LOG_LEVEL=debug shows more`;
}
