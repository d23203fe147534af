import { CpnsError } from '@cpns/core';
import { EXIT_CONFIGURATION, loadConfig, type Environment } from '@cpns/service';
import { createLogger, startTelemetry, type Logger } from '@cpns/telemetry';
import { DeviceProgram } from './device-program';
import { resultOf, writeResult } from './result-file';
import { SETTINGS, type DeviceConfig } from './settings';

const NAME = 'pne';
const EXIT_FAILURE = 1;

/** The parts of `process` that the program uses. */
export interface DeviceHost {
  readonly env: Environment;
  readonly stderr: { write(text: string): unknown };
}

/**
 * One run: takes the device to CPNS_UNTIL, from wherever an earlier run left it.
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
    return await traced(host, logger, () => reachGoal(config, logger));
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

async function reachGoal(config: DeviceConfig, logger: Logger): Promise<void> {
  const program = await DeviceProgram.open(config, logger);
  try {
    const status = await program.reach(config.until);
    if (config.resultFile !== undefined) writeResult(config.resultFile, resultOf(status));
    logger.info('device is ready', {
      until: config.until,
      stage: status.stage,
      entity: status.entity,
      keyId: status.keyId,
    });
  } finally {
    await program.close();
  }
}

/** What the caller may do about it; what is not ours is named, and its story is in the log at debug level. */
function describe(error: unknown): string {
  if (error instanceof CpnsError) return `${error.reason}: ${error.message}`;
  return `INTERNAL: ${error instanceof Error ? error.name : 'unknown error'}; CPNS_LOG_LEVEL=debug shows more`;
}
