import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@cpns/telemetry';

/** Something that has to be asked for anew before it ends. */
export interface Provisioned {
  keepProvisioned(): Promise<void>;
}

const FIRST_PAUSE_MS = 200;

/**
 * Asks for what comes to its end, until the signal aborts. While the Server is away it tries again after a pause that
 * doubles up to `every`: keys are assigned meanwhile with what there is.
 * @param every pause between two looks, milliseconds
 */
export async function keepProvisioned(
  what: readonly Provisioned[],
  { every, logger, signal }: { readonly every: number; readonly logger: Logger; readonly signal: AbortSignal },
): Promise<void> {
  let pause = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    const results = await Promise.allSettled(what.map((one) => one.keepProvisioned()));
    const failed = results.filter((result) => result.status === 'rejected');
    for (const { reason } of failed) logger.warn('provisioning failed', { error: reason as unknown });
    pause = failed.length === 0 ? every : Math.min(2 * pause, every);
    await sleep(pause, undefined, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
    if (failed.length === 0) pause = FIRST_PAUSE_MS;
  }
}
