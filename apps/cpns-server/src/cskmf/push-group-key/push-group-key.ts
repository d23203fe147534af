/**
 * GK-PUSH and the end of GK-DELETE: what a change left for the gateways goes into the log of each gateway concerned, from
 * where its delivery channel brings it (FLOW-PUSH step 8). Repeated until it is there; what is in a log already is not
 * put there twice.
 */
import type { MemberEnvelope } from '@cpns/contracts';
import { Clock, forEach } from '@cpns/core';
import { at, Records, Store, type Aggregate, type LogEntry, pagesOf } from '@cpns/store';
import { withinStep, withStepChain, withTraceparent } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { GatewayLog, type DeliveryEntry } from '../../gateway-delivery/gateway-log';
import { GatewayRecords } from '../../gateways/gateway-records';
import { PersonalNetworks } from '../../gateways/personal-networks';
import { Envelopes } from '../envelopes';
import { GROUP, PNS, type KeyedGroupRecord } from '../records';
import { SignedStatements } from '../signed-statements';
import { stateOf } from '../versions';
import { partId, partsOf } from './parts';
import { decodeTask, type StoredTask } from './relay-task';

/** Personal Networks that are worked on at a time. */
const AT_ONCE = 16;

const NO_SHARED = Buffer.alloc(0);

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
    for await (const envelopes of partsOf(this.#envelopes(groupId, version, pnId))) {
      const delivery = { statement, shared: NO_SHARED, envelopes: [...envelopes] };
      await this.#append(gateways, partId(groupId, version, envelopes), { $case: 'groupKey', value: delivery });
    }
  }

  async *#envelopes(groupId: string, version: bigint, pnId: string): AsyncGenerator<MemberEnvelope> {
    for await (const entities of this.envelopes.recipientsOf(groupId, version, pnId))
      yield* this.envelopes.envelopesFor(groupId, version, entities);
  }

  async #end({ description, newest, deletedAt = 0 }: KeyedGroupRecord, pnId: string): Promise<void> {
    const { groupId } = description;
    const statement = this.statements.ofTheEnd(groupId, newest, deletedAt);
    const delivery = { statement, shared: NO_SHARED, envelopes: [] };
    await this.#append(await this.#gateways(pnId), `group.${groupId}.end`, { $case: 'groupKey', value: delivery });
  }

  /** Those of a Personal Network that may act: the log of one whose identity was ended would never be emptied. */
  async #gateways(pnId: string): Promise<readonly string[]> {
    const gateways: string[] = [];
    for await (const gateway of this.networks.gatewaysOf(pnId)) {
      const identity = await this.gateways.identityOf(gateway);
      if (identity?.state === 'live') gateways.push(gateway);
    }
    return gateways;
  }

  async #append(gateways: readonly string[], id: string, entry: DeliveryEntry): Promise<void> {
    await Promise.all(gateways.map((gateway) => this.log.append(gateway, id, entry)));
  }
}
