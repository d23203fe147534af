import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';

/** Runs from before the ports open until after they have closed. */
export abstract class BackgroundLoop implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #over = new AbortController();
  #running: Promise<void> | undefined;

  /** Runs until the signal aborts. */
  abstract run(signal: AbortSignal): Promise<void>;

  onApplicationBootstrap(): void {
    this.#running = this.run(this.#over.signal);
  }

  async onApplicationShutdown(): Promise<void> {
    this.#over.abort();
    await this.#running;
  }
}
