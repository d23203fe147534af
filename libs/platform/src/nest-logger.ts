import type { Logger } from '@cpns/telemetry';
import type { LoggerService } from '@nestjs/common';

/** What Nest says when a hook of a stop threw; the process then ends with code 1. */
const SHUTDOWN_FAILED = 'Error happened during shutdown';

/** What Nest itself reports, in the service's log; its progress through routes and modules is of interest for debugging only. */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, context?: unknown): void {
    this.logger.debug('Nest reports', { detail: String(message), context });
  }

  debug(message: unknown, context?: unknown): void {
    this.log(message, context);
  }

  verbose(message: unknown, context?: unknown): void {
    this.log(message, context);
  }

  warn(message: unknown, context?: unknown): void {
    this.logger.warn('Nest warns', { detail: String(message), context });
  }

  /** An error of a start is reported by {@link bootstrap}; what comes here as an Error was thrown there. */
  error(message: unknown, ...context: unknown[]): void {
    if (message instanceof Error) return this.logger.debug('Nest reports', { error: message });
    const what = message === SHUTDOWN_FAILED ? 'service did not stop cleanly' : 'Nest failed';
    this.logger.error(what, { detail: String(message), context });
  }

  fatal(message: unknown, ...context: unknown[]): void {
    this.error(message, ...context);
  }
}
