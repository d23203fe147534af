/**
 * GK-PUSH and the end of GK-DELETE: what a change left for the gateways goes into the log of each gateway concerned, from
 * where its delivery channel brings it (FLOW-PUSH step 8). Repeated until it is there; what is in a log already is not
 * put there twice.
 */
import type { GatewayGroupKeyDelivery, MemberEnvelope } from '@cpns/contracts';
import { Clock, CpnsError, forEach } from '@cpns/core';
import { OutboxRelay } from '@cpns/delivery';
import { BackgroundLoop, PersonalNetworks } from '@cpns/platform';
import { at, pagesOf, Records, Store, type Aggregate, type LogEntry } from '@cpns/store';
import { currentTraceparent, lastStep, Logger, withinStep, withStepChain, withTraceparent } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { GatewayLog, type DeliveryEntry } from '../gateway-delivery/gateway-delivery';
import { GatewayRecords } from '../gateways/records';
import { deliveryOf, Envelopes, sizeOf } from './recipients';
import { GROUP, GROUP_KIND, PNS, SignedStatements, stateOf, type KeyedGroupRecord } from './records';

/** Personal Networks that are worked on at a time. */
const AT_ONCE = 16;

@Injectable()
export class PushGroupKey {
  constructor(
    private readonly store: Store,
    private readonly records: Records,
    private readonly gateways: GatewayRecords,
    private readonly networks: PersonalNetworks,
    private readonly log: GatewayLog,
    private readonly envelopes: Envelopes,
    private readonly statements: SignedStatements,
    private readonly clock: Clock,
  ) {}

  /** Carries one entry of a group's outbox. @throws CpnsError DEPENDENCY_UNAVAILABLE, DEADLINE, STORED_RECORD_INVALID */
  carry(aggregate: Aggregate, entry: LogEntry): Promise<void> {
    const task = decodeTask(entry);
    return withTraceparent(task.traceparent, () => withStepChain(task.traceparent, () => this.#carry(aggregate, task)));
  }

  async #carry(aggregate: Aggregate, task: StoredTask): Promise<void> {
    const { head } = await this.records.read(aggregate, { head: at(GROUP) });
    if (head === undefined) return;
    if (task.kind === 'end')
      return withinStep({ flow: 'GK-DELETE', step: 8 }, () => this.#eachPn(aggregate, (pnId) => this.#end(head, pnId)));
    const step = { flow: task.version === 1n ? 'FLOW-PUSH' : 'GK-UPDATE-M', step: 8 } as const;
    return withinStep(step, () => this.#eachPn(aggregate, (pnId) => this.#push(head, task, pnId)));
  }

  /** Every Personal Network with recipients, a few at a time. */
  async #eachPn(aggregate: Aggregate, work: (pnId: string) => Promise<void>): Promise<void> {
    for await (const pns of pagesOf(this.store, aggregate, PNS)) await forEach(pns, work, AT_ONCE);
  }

  async #push(head: KeyedGroupRecord, { version }: StoredTask, pnId: string): Promise<void> {
    const stated = head.versions.find((one) => one.version === version);
    // no member opens with it any more: a relay that was away that long has newer ones to carry
    if (stated === undefined || stateOf(head, stated, this.clock.now()) === 'retired') return;
    const { groupId } = head.description;
    const gateways = await this.#gateways(pnId);
    if (gateways.length === 0) return;
    const statement = this.statements.of(groupId, stated);
    for await (const part of partsOf(this.#envelopes(groupId, version, pnId))) {
      const value = deliveryOf(statement, part.envelopes, part);
      await this.#append(gateways, partId(groupId, version, part), { $case: 'groupKey', value });
    }
  }

  async *#envelopes(groupId: string, version: bigint, pnId: string): AsyncGenerator<MemberEnvelope> {
    for await (const recipients of this.envelopes.recipientsOf(groupId, version, pnId))
      yield* this.envelopes.envelopesFor(groupId, version, recipients);
  }

  async #end({ description, newest, deletedAt = 0 }: KeyedGroupRecord, pnId: string): Promise<void> {
    const { groupId } = description;
    const value = deliveryOf(this.statements.ofTheEnd(groupId, newest, deletedAt), []);
    await this.#append(await this.#gateways(pnId), `group.${groupId}.end`, { $case: 'groupKey', value });
  }

  /** Those of a Personal Network that may act: the log of one whose identity was ended would never be emptied. */
  async #gateways(pnId: string): Promise<readonly string[]> {
    const gateways: string[] = [];
    for (const gateway of await this.networks.gatewaysOf(pnId)) {
      const identity = await this.gateways.identityOf(gateway);
      if (identity?.state === 'live') gateways.push(gateway);
    }
    return gateways;
  }

  async #append(gateways: readonly string[], id: string, entry: DeliveryEntry): Promise<void> {
    await Promise.all(gateways.map((gateway) => this.log.append(gateway, id, entry)));
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

/** One pushed entry has at most so many envelopes, and so many bytes of them: a message of the channel stays small. */
export const PART_ENVELOPES = 500;
export const PART_BYTES = 160_000;

/** A part of a pushed version. */
export interface PushedPart extends Pick<GatewayGroupKeyDelivery, 'part' | 'more'> {
  readonly envelopes: readonly MemberEnvelope[];
}

/** Envelopes in parts, in order; none of no envelope. */
export async function* partsOf(envelopes: AsyncIterable<MemberEnvelope>): AsyncGenerator<PushedPart> {
  let part = 0;
  let waiting: MemberEnvelope[] = [];
  let bytes = 0;
  for await (const envelope of envelopes) {
    const size = sizeOf(envelope);
    if (waiting.length === PART_ENVELOPES || (waiting.length > 0 && bytes + size > PART_BYTES)) {
      yield { part, more: true, envelopes: waiting };
      part += 1;
      waiting = [];
      bytes = 0;
    }
    waiting.push(envelope);
    bytes += size;
  }
  if (waiting.length > 0) yield { part, more: false, envelopes: waiting };
}

/**
 * Which part of a push it is. By what is in it and not by its number alone: when a push is repeated after a crash, and a
 * member lost its key meanwhile, the parts are cut elsewhere, and none may be taken for one that is in the log already.
 */
export function partId(groupId: string, version: bigint, { part, more, envelopes }: PushedPart): string {
  const digest = createHash('sha256').update(`${part} ${more}\0`);
  for (const { entity, own } of envelopes) digest.update(entity).update('\0').update(own);
  return `group.${groupId}.${version}.${digest.digest('hex').slice(0, 32)}`;
}
