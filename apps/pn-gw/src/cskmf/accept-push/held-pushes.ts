/**
 * Pushes that overtook their notices: SMF and CSKMF reach the gateway over channels of their own, and neither waits for
 * the other. They wait here, in the store, as many as {@link HeldPushes.max} altogether; beyond that the oldest is let go, and
 * asked for when its notice comes.
 */
import { GatewayGroupKeyDelivery } from '@cpns/contracts';
import type { Statement } from '@cpns/group-key';
import { at, Records } from '@cpns/store';
import { Logger } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { Notices } from '../../service-group/notices';
import { HELD_AGGREGATE, HELD_INDEX, HELD_PUSH, type HeldPush } from '../records';

/** Far above 500 envelopes of the longest names. A larger push is let go at once, since no record could hold it; bytes. */
const PUSH_MAX_BYTES = 700_000;

export interface WaitingPush extends HeldPush {
  readonly delivery: GatewayGroupKeyDelivery;
  readonly traceparent: string;
}

const pushName = (number: number): string => `push.${number}`;

@Injectable()
export class HeldPushes {
  /** As many pushes as wait at a time. */
  readonly max: number = 256;

  constructor(
    private readonly records: Records,
    private readonly notices: Notices,
    private readonly logger: Logger,
  ) {}

  /** Resolves when the push is in the store, or was let go. */
  async hold({ groupId, version }: Statement, message: GatewayGroupKeyDelivery, traceparent: string): Promise<void> {
    const delivery = Buffer.from(GatewayGroupKeyDelivery.encode(message).finish());
    if (delivery.length > PUSH_MAX_BYTES) return this.#noteMissed({ groupId, version });
    const { index } = await this.records.read(HELD_AGGREGATE, { index: at(HELD_INDEX) });
    const leaving = index?.entries.slice(0, Math.max(0, index.entries.length + 1 - this.max)) ?? [];
    // first that they go, then that they are gone: after a crash in between one is asked for without need
    for (const one of leaving) await this.#noteMissed(one);
    for (const one of leaving) await this.remove(one);
    await this.#put({ name: pushName(index?.next ?? 0), groupId, version }, { delivery, traceparent });
  }

  /** Those of a group, lower versions first. */
  async of(groupId: string): Promise<readonly WaitingPush[]> {
    const { index } = await this.records.read(HELD_AGGREGATE, { index: at(HELD_INDEX) });
    const waiting: WaitingPush[] = [];
    for (const entry of index?.entries.filter((one) => one.groupId === groupId) ?? []) {
      const { push } = await this.records.read(HELD_AGGREGATE, { push: at(HELD_PUSH, entry.name) });
      if (push === undefined) continue;
      const delivery = GatewayGroupKeyDelivery.decode(push.delivery);
      waiting.push({ ...entry, delivery, traceparent: push.traceparent });
    }
    // the sort is stable: parts of a version stay in the order in which they came
    return waiting.sort((a, b) => Number(a.version - b.version));
  }

  async remove({ name }: HeldPush): Promise<void> {
    const wanted = { index: at(HELD_INDEX), push: at(HELD_PUSH, name) };
    await this.records.transact(HELD_AGGREGATE, wanted, ({ index }) => {
      if (index === undefined) return { result: undefined };
      const entries = index.entries.filter((one) => one.name !== name);
      return { result: undefined, put: { index: { ...index, entries }, push: null } };
    });
  }

  /** Pushes come over one channel, one by one: no other writer gives names. */
  async #put(entry: HeldPush, push: { readonly delivery: Buffer; readonly traceparent: string }): Promise<void> {
    const wanted = { index: at(HELD_INDEX), push: at(HELD_PUSH, entry.name) };
    await this.records.transact(HELD_AGGREGATE, wanted, ({ index = { next: 0, entries: [] } }) => ({
      result: undefined,
      put: { index: { next: index.next + 1, entries: [...index.entries, entry] }, push },
    }));
  }

  /** When its notice comes, the key is asked for instead. */
  async #noteMissed({ groupId, version }: Omit<HeldPush, 'name'>): Promise<void> {
    this.logger.warn('a push that overtook its notice was let go', { groupId, version: String(version) });
    await this.notices.missPush(groupId, version);
  }
}
