import type { Patience } from '../transport/retry';
import type { DeviceContext, ExchangeOptions } from './device-context';

/** What is retried is said in the log, once per attempt. */
export const patienceOf = (device: DeviceContext, { waitMs = 0 }: ExchangeOptions): Patience => ({
  waitMs,
  clock: device.clock,
  ...(device.pause && { pause: device.pause }),
  onRetry: (error, pauseMs) => device.logger.info('no answer, trying again', { reason: error.reason, pauseMs }),
});
