import { CpnsError, failedPrecondition } from '@cpns/core';
import { withSpan, withStepChain } from '@cpns/telemetry';

/** One provisioning at a time, which serves all who ask for it while it runs; its steps are a trace of their own. */
export class ProvisioningRun<T> {
  #running: Promise<T> | undefined;

  run(task: () => Promise<T>): Promise<T> {
    this.#running ??= withSpan('cpns.provision', {}, () => withStepChain('', task)).finally(
      () => (this.#running = undefined),
    );
    return this.#running;
  }
}

/**
 * For an entity that waits for what is being asked for: that the Server is away means that this gateway cannot assign.
 * @param missing what the gateway lacks
 * @throws CpnsError GATEWAY_NOT_PROVISIONED; any other as it is
 */
export async function orNotProvisioned<T>(provisioning: Promise<T>, missing: string): Promise<T> {
  try {
    return await provisioning;
  } catch (cause) {
    if (!(cause instanceof CpnsError) || cause.code !== 'UNAVAILABLE') throw cause;
    throw failedPrecondition('GATEWAY_NOT_PROVISIONED', `the gateway has no ${missing} and does not reach the Server`, {
      cause,
    });
  }
}
