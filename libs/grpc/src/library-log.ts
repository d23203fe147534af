import { setLogger } from '@grpc/grpc-js';
import type { Logger } from '@cpns/telemetry';

/** What the gRPC library has to say goes into the service's log, line by line in its form, instead of onto the console. */
export function logLibraryTo(logger: Logger): void {
  const text = (words: readonly unknown[]) => words.map(String).join(' ');
  setLogger({
    error: (...words) => logger.warn('gRPC library', { detail: text(words) }),
    info: (...words) => logger.debug('gRPC library', { detail: text(words) }),
    debug: (...words) => logger.trace('gRPC library', { detail: text(words) }),
  });
}
