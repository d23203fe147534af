import { OutboxRelay } from '@cpns/delivery';
import { Store, type Aggregate } from '@cpns/store';
import { Logger } from '@cpns/telemetry';
import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { GROUP_KIND } from '../records';
import { PushGroupKey } from './push-group-key';

/** Carries on what changes put into the outbox of their group, also what earlier processes left there. */
@Injectable()
export class PushRelay implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #relay: OutboxRelay;
  readonly #over = new AbortController();
  #running: Promise<void> | undefined;

  constructor(store: Store, push: PushGroupKey, logger: Logger) {
    this.#relay = new OutboxRelay({
      store,
      kind: GROUP_KIND,
      carry: (group, entry) => push.carry(group, entry),
      onFailure: ({ id }, error, retryIn) =>
        logger.warn('a group’s deliveries could not be passed to the gateways', {
          groupId: id,
          error,
          retryInMs: retryIn,
        }),
    });
  }

  /** Something was put into the outbox of a group. */
  wake(group: Aggregate): void {
    this.#relay.wake(group);
  }

  /** As {@link OutboxRelay.drain}. */
  drain(group: Aggregate): Promise<void> {
    return this.#relay.drain(group);
  }

  onApplicationBootstrap(): void {
    this.#running = this.#relay.run(this.#over.signal);
  }

  async onApplicationShutdown(): Promise<void> {
    this.#over.abort();
    await this.#running;
  }
}
