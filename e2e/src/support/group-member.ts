import type { GroupKeyDelivery } from '@cpns/contracts';
import { CpnsError, type EntityUserKey } from '@cpns/core';
import { parseContentHeader } from '@cpns/group-key';
import { waitUntil } from '@cpns/testing';
import type { LocalDevice } from './local-device';
import type { ServedGateway, Tamper } from './served-gateway';

/** What a gateway makes of a delivery on its way to a device. */
export type Alter = (delivery: GroupKeyDelivery) => GroupKeyDelivery | Promise<GroupKeyDelivery>;

/** What a device watches, and what comes of a push, is seen within this time. */
const seen = (look: () => boolean) => waitUntil('what comes of a push', look, { withinMs: 5_000, everyMs: 10 });

/** A device with a live key that it got through a gateway whose keys the suite holds. */
export interface Behind {
  readonly entity: string;
  readonly local: LocalDevice;
  /** S; the gateway knows it where it assigned it. */
  readonly secret: EntityUserKey;
  readonly keyId: string;
}

/** A member behind such a gateway, in a group. */
export class GroupMember {
  constructor(
    readonly scene: { readonly served: ServedGateway },
    readonly device: Behind,
    readonly groupId: string,
  ) {}

  get entity(): string {
    return this.device.entity;
  }

  get #groups() {
    return this.device.local.device.groups;
  }

  /** Pulls through the gateway, which does nothing to it. */
  pull(version?: bigint) {
    return this.#groups.pull(this.groupId, version);
  }

  /** What the Server would have an honest gateway give this member. */
  honest(version = 0n): Promise<GroupKeyDelivery> {
    return this.scene.served.honest(this.groupId, this.entity, version);
  }

  /**
   * Pulls through the gateway, which makes what it wants of the answer. Whatever comes of it, the device takes what the
   * Server says afterwards, and seals with that: the attempt left no trace.
   */
  async pullThrough(alter: Alter, version?: bigint): Promise<unknown> {
    try {
      return await this.through(
        async (honest) => alter(await honest()),
        () => this.pull(version),
      );
    } finally {
      await this.isUnharmed();
    }
  }

  /** Does something while the gateway answers the device's pulls in its own way. */
  async through<T>(tamper: Tamper, act: () => Promise<T>): Promise<T> {
    const { tampers } = this.scene.served;
    tampers.set(this.entity, tamper);
    try {
      return await act();
    } finally {
      tampers.delete(this.entity);
    }
  }

  /** Another device in the same group. */
  beside(device: Behind): GroupMember {
    return new GroupMember(this.scene, device, this.groupId);
  }

  /** The honest delivery beside the attempt. @throws Error when the device does not end up with the Server's newest key */
  async isUnharmed(): Promise<void> {
    const { statement } = await this.honest();
    await this.pull();
    const { version } = parseContentHeader(await this.seal('afterwards'));
    if (version !== statement?.version)
      throw new Error(`sealed with version ${version}, the Server has ${statement?.version}`);
  }

  /** @returns the sealed message */
  seal(text: string): Promise<Buffer> {
    return this.#groups.seal(this.groupId, Buffer.from(text));
  }

  open(message: Buffer) {
    return this.#groups.open(message);
  }

  /** Has the device watch, and hands it deliveries one after another. @throws what it refuses one with */
  async watchThrough(deliveries: readonly GroupKeyDelivery[]): Promise<void> {
    try {
      await this.#handOver(deliveries);
    } finally {
      await this.isUnharmed();
    }
  }

  /** Has the device watch, and hands it the Server's end of the group. @throws what it refuses that with */
  async endsThrough(end: GroupKeyDelivery): Promise<void> {
    await this.#handOver([end]);
    const refusal = await this.seal('afterwards').catch((error: unknown) => error);
    if (!(refusal instanceof CpnsError && refusal.reason === 'GROUP_DELETED'))
      throw new Error('the device seals for a group that was deleted', { cause: refusal });
  }

  async #handOver(deliveries: readonly GroupKeyDelivery[]): Promise<void> {
    const { served } = this.scene;
    const over = new AbortController();
    const outcomes: { readonly refusal?: CpnsError }[] = [];
    const watching = this.#groups.watch({
      signal: over.signal,
      onDelivery: () => outcomes.push({}),
      onRefused: (refusal) => outcomes.push({ refusal }),
    });
    try {
      await seen(() => served.isWatchedBy(this.entity));
      for (const [index, delivery] of deliveries.entries()) {
        await served.push(this.entity, delivery);
        await seen(() => outcomes.length > index);
        const refusal = outcomes[index]?.refusal;
        if (refusal !== undefined) throw refusal;
      }
    } finally {
      over.abort();
      await watching;
      // the gateway learns of it a moment later: the next attempt begins without a watch
      await seen(() => !served.isWatchedBy(this.entity));
    }
  }
}
