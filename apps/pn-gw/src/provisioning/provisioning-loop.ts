import { Logger } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { BackgroundLoop } from '@cpns/platform';
import { GatewayConfig } from '../config';
import { FirstSeeds } from './first-seeds';
import { GatewayCa } from './gateway-ca';

const FIRST_PAUSE_MS = 200;

/**
 * Asks for what comes to its end. While the Server is away it tries again after a pause that doubles up to the interval
 * between two looks: keys are assigned meanwhile with what there is.
 */
@Injectable()
export class ProvisioningLoop extends BackgroundLoop {
  constructor(
    private readonly seeds: FirstSeeds,
    private readonly ca: GatewayCa,
    private readonly config: GatewayConfig,
    private readonly logger: Logger,
  ) {
    super();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { provisioningInterval: every } = this.config;
    let pause = FIRST_PAUSE_MS;
    while (!signal.aborted) {
      const results = await Promise.allSettled([this.seeds.keepProvisioned(), this.ca.keepProvisioned()]);
      const failed = results.filter((result) => result.status === 'rejected');
      for (const { reason } of failed) this.logger.warn('provisioning failed', { error: reason as unknown });
      pause = failed.length === 0 ? every : Math.min(2 * pause, every);
      await sleep(pause, undefined, { signal }).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
      if (failed.length === 0) pause = FIRST_PAUSE_MS;
    }
  }
}
