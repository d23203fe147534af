import { CpnsError, duration } from '@cpns/core';
import { OutboxRelay } from '@cpns/delivery';
import { BackgroundLoop } from '@cpns/platform';
import { Store, type Aggregate, type LogEntry } from '@cpns/store';
import { Logger } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { ExecuteChange } from './execute-change';
import { groupAggregate, GROUP_KIND } from './records';
import { FanOutNotices } from './fan-out-notices';

const ENTRY = /^(?:change\.(?<changeId>[0-9a-f]{32})|notices\.(?<revision>[0-9]{1,16}))$/;

/** How long a call waits for a change that fails and is tried again. */
export abstract class Patience {
  abstract readonly milliseconds: number;
}
export const PATIENCE: Patience = { milliseconds: duration(5, 'second') };

/** Carries on what a group's outbox holds, in order: a change to CSKMF, then its notices to the gateways. */
@Injectable()
export class GroupOutbox extends BackgroundLoop {
  readonly #relay: OutboxRelay;

  constructor(
    store: Store,
    logger: Logger,
    private readonly changes: ExecuteChange,
    private readonly notices: FanOutNotices,
    patience: Patience,
  ) {
    super();
    this.#relay = new OutboxRelay({
      store,
      kind: GROUP_KIND,
      carry: (aggregate, entry) => this.#carry(aggregate, entry),
      // calls wait for it
      backoff: { first: 200, longest: duration(2, 'second') },
      patience: patience.milliseconds,
      onFailure: ({ id }, error, retryIn) =>
        logger.warn('a change of a group was not carried on', { group: id, error, retryInMs: retryIn }),
    });
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#relay.run(signal);
  }

  /** Resolves when a change that was proposed has been executed. @throws as {@link OutboxRelay.carried} */
  executed(groupId: string, changeId: string): Promise<void> {
    return this.#relay.carried(groupAggregate(groupId), `change.${changeId}`);
  }

  /** As {@link OutboxRelay.drain}. */
  drain(group: Aggregate): Promise<void> {
    return this.#relay.drain(group);
  }

  async #carry({ id }: Aggregate, { dedupeId }: LogEntry): Promise<void> {
    const { changeId, revision } = ENTRY.exec(dedupeId)?.groups ?? {};
    // what waits for the Server when the service stops then waits for the next start
    if (changeId !== undefined) return this.changes.execute(id, changeId, this.over);
    if (revision !== undefined) return this.notices.execute(id, BigInt(revision));
    throw new CpnsError('STORED_RECORD_INVALID', 'an entry of an outbox is neither a change nor notices');
  }
}
