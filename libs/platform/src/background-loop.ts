import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';

/** Work of a provider that runs from before the ports open until after they have closed. */
export abstract class BackgroundLoop implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #over = new AbortController();
  #running: Promise<void> | undefined;

  /** Aborted when the service stops. */
  protected get over(): AbortSignal {
    return this.#over.signal;
  }

  /** Runs until the signal aborts. */
  abstract run(signal: AbortSignal): Promise<void>;

  onApplicationBootstrap(): void {
    this.#running = this.run(this.over);
  }

  async onApplicationShutdown(): Promise<void> {
    this.#over.abort();
    // one that was never started has to learn that it is over, so that it tries nothing again
    await (this.#running ?? this.run(this.over));
  }
}
