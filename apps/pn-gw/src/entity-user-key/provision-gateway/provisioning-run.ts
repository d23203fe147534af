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
