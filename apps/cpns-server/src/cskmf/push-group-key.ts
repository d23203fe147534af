/**
 * GK-PUSH and the end of GK-DELETE: what a change left for the gateways goes into the log of each gateway concerned, from
 * where its delivery channel brings it (FLOW-PUSH step 8), and what it left for SMF into the log of alerts. Repeated until it is
 * there; what is in a log already is not put there twice.
 */
import { Clock, forEach } from '@cpns/core';
import { OutboxRelay } from '@cpns/delivery';
import { BackgroundLoop } from '@cpns/platform';
import { at, pagesOf, Records, Store, type Aggregate, type LogEntry } from '@cpns/store';
import { Logger, withinStep, withStepChain, withTraceparent } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { GatewayLog } from '../gateway-log/gateway-log';
import { GroupIndex } from './group-index';
import { GroupKeyEventLog } from './group-key-events';
import { GROUP, GROUP_KIND, PNS, stateOf, type GroupKeyVersion } from './records';
import { decodeTask } from './relay-task';
import { isRotation } from './rotation';

/** Personal Networks that are worked on at a time. */
const AT_ONCE = 16;

@Injectable()
export class PushGroupKey {
  constructor(
    private readonly store: Store,
    private readonly records: Records,
    private readonly log: GatewayLog,
    private readonly index: GroupIndex,
    private readonly events: GroupKeyEventLog,
    private readonly clock: Clock,
  ) {}

  /** Carries one entry of a group's outbox. @throws CpnsError DEPENDENCY_UNAVAILABLE, STORED_RECORD_INVALID */
  carry(aggregate: Aggregate, entry: LogEntry): Promise<void> {
    const task = decodeTask(entry);
    return withTraceparent(task.traceparent, () => withStepChain(task.traceparent, () => this.#carry(aggregate, task)));
  }

  async #carry(aggregate: Aggregate, task: ReturnType<typeof decodeTask>): Promise<void> {
    const { head } = await this.records.read(aggregate, { head: at(GROUP) });
    if (head === undefined) return;
    const { groupId: name } = head.description;
    const group = { kind: 'group', name } as const;
    if (task.kind === 'end')
      return withinStep({ flow: 'GK-DELETE', step: 8 }, () =>
        this.#eachPn(aggregate, async (pnId) => {
          await this.log.appendForAll(pnId, group, 'end');
          await this.index.remove(pnId, name);
        }),
      );
    const { version, revision } = task;
    if (task.kind === 'alert') return this.events.append(name, version);
    const stated = head.versions.find((one) => one.version === version);
    // no member opens with it any more: a relay that was away that long has newer ones to carry
    if (stated === undefined || stateOf(head, stated, this.clock.now()) === 'retired') return;
    // the entry of a version that was pushed before may be under way without those who joined since
    const change = revision === undefined ? String(version) : `${version}-${revision}`;
    return withinStep({ flow: flowOf(stated), step: 8 }, () =>
      this.#eachPn(aggregate, async (pnId) => {
        await this.index.add(pnId, name);
        await this.log.appendForAll(pnId, group, change);
      }),
    );
  }

  /** Every Personal Network with recipients, a few at a time. */
  async #eachPn(aggregate: Aggregate, work: (pnId: string) => Promise<void>): Promise<void> {
    for await (const pns of pagesOf(this.store, aggregate, PNS)) await forEach(pns, work, AT_ONCE);
  }
}

function flowOf(version: GroupKeyVersion) {
  if (version.version === 1n) return 'FLOW-PUSH';
  return isRotation(version) ? 'GK-UPDATE-T' : 'GK-UPDATE-M';
}

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
