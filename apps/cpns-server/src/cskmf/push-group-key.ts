/**
 * GK-PUSH and the end of GK-DELETE: what a change left for the gateways goes into the log of each gateway concerned, from
 * where its delivery channel brings it (FLOW-PUSH step 8). Repeated until it is there; what is in a log already is not
 * put there twice.
 */
import { Clock, CpnsError, forEach } from '@cpns/core';
import { OutboxRelay } from '@cpns/delivery';
import { BackgroundLoop } from '@cpns/platform';
import { at, pagesOf, Records, Store, type Aggregate, type LogEntry } from '@cpns/store';
import { currentTraceparent, lastStep, Logger, withinStep, withStepChain, withTraceparent } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { GatewayLog } from '../gateway-log/gateway-log';
import { GroupIndex } from './group-index';
import { GROUP, GROUP_KIND, PNS, stateOf } from './records';

/** Personal Networks that are worked on at a time. */
const AT_ONCE = 16;

@Injectable()
export class PushGroupKey {
  constructor(
    private readonly store: Store,
    private readonly records: Records,
    private readonly log: GatewayLog,
    private readonly index: GroupIndex,
    private readonly clock: Clock,
  ) {}

  /** Carries one entry of a group's outbox. @throws CpnsError DEPENDENCY_UNAVAILABLE, STORED_RECORD_INVALID */
  carry(aggregate: Aggregate, entry: LogEntry): Promise<void> {
    const task = decodeTask(entry);
    return withTraceparent(task.traceparent, () => withStepChain(task.traceparent, () => this.#carry(aggregate, task)));
  }

  async #carry(aggregate: Aggregate, task: StoredTask): Promise<void> {
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
    const { version } = task;
    const stated = head.versions.find((one) => one.version === version);
    // no member opens with it any more: a relay that was away that long has newer ones to carry
    if (stated === undefined || stateOf(head, stated, this.clock.now()) === 'retired') return;
    return withinStep({ flow: version === 1n ? 'FLOW-PUSH' : 'GK-UPDATE-M', step: 8 }, () =>
      this.#eachPn(aggregate, async (pnId) => {
        await this.index.add(pnId, name);
        await this.log.appendForAll(pnId, group, String(version));
      }),
    );
  }

  /** Every Personal Network with recipients, a few at a time. */
  async #eachPn(aggregate: Aggregate, work: (pnId: string) => Promise<void>): Promise<void> {
    for await (const pns of pagesOf(this.store, aggregate, PNS)) await forEach(pns, work, AT_ONCE);
  }
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

/** What a change leaves for the relay to carry to the gateways, in the outbox of its group. */
export interface RelayTask {
  readonly kind: 'push' | 'end';
  /** Tells it from the group's other tasks. */
  readonly id: string;
  /** The version to push; of an end, the last that the group had. */
  readonly version: bigint;
}

/** A task with the trace that it belongs to. */
interface StoredTask extends RelayTask {
  readonly traceparent: string;
}

/** It decides on nothing: whom a version is given to say the group's records, when the task is carried. */
export function encodeTask({ kind, version }: RelayTask): Buffer {
  const traceparent = lastStep() || currentTraceparent();
  return Buffer.from(JSON.stringify({ kind, version: String(version), traceparent }));
}

/** @throws CpnsError STORED_RECORD_INVALID */
export function decodeTask({ dedupeId, value }: LogEntry): StoredTask {
  const { kind, version, traceparent } = parse(value);
  if ((kind !== 'push' && kind !== 'end') || typeof version !== 'string' || !/^\d{1,20}$/.test(version))
    throw new CpnsError('STORED_RECORD_INVALID', 'an entry of a group’s outbox is none that this Server makes');
  return {
    kind,
    id: dedupeId,
    version: BigInt(version),
    traceparent: typeof traceparent === 'string' ? traceparent : '',
  };
}

function parse(value: Buffer): Record<string, unknown> {
  try {
    return Object(JSON.parse(value.toString('utf8'))) as Record<string, unknown>;
  } catch (cause) {
    throw new CpnsError('STORED_RECORD_INVALID', 'an entry of a group’s outbox is no JSON', { cause });
  }
}
