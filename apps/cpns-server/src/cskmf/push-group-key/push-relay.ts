import { OutboxRelay } from '@cpns/delivery';
import { BackgroundLoop } from '@cpns/platform';
import { Store, type Aggregate } from '@cpns/store';
import { Logger } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { GROUP_KIND } from '../records';
import { PushGroupKey } from './push-group-key';

/** Carries on what changes put into the outbox of their group, also what earlier processes left there. */
@Injectable()
export class PushRelay extends BackgroundLoop {
  readonly #relay: OutboxRelay;

  constructor(store: Store, push: PushGroupKey, logger: Logger) {
    super();
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

  run(signal: AbortSignal): Promise<void> {
    return this.#relay.run(signal);
  }
}
