/**
 * What a PN GW keeps of Group Keys (SECCF-SECA): members' envelopes, pushes that wait for their notices, how far a request
 * came. None of it is a secret of the gateway's: Group Keys lie in envelopes that the members alone can open. A gateway that
 * is a member itself would open its own with its S; gateways enrol with an identity certificate only and have none, so that
 * there is no such envelope yet.
 */
import { type CheckedEnvelope, GatewayGroupKeyDelivery } from '@cpns/contracts';
import { CpnsError, forEach } from '@cpns/core';
import { parseEnvelope, type Statement } from '@cpns/group-key';
import { type Aggregate, at, defineRecord, jsonField, Records } from '@cpns/store';
import { Logger } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { type LiveCaller, LiveCredentials, shownBy } from '../live-credentials/live-credentials';
import { KnownGroups, memberAggregate, VERSIONS_KEPT } from '../service-group/known-groups';
import { Notices } from '../service-group/notices';

/** FLOW-PULL step 11 was done: the key of this version came for all members. */
export const AVAILABLE = defineRecord('available', { version: jsonField<bigint>() });

export interface HeldEnvelope {
  readonly version: bigint;
  /** Of the Entity-User Key that it was made under, 32 hexadecimal digits. */
  readonly keyId: string;
  /** Tagged 0x01. */
  readonly own: Buffer;
}

/** A member's envelopes of one group, rising by version. */
export const ENVELOPES = defineRecord('envelopes', { held: jsonField<readonly HeldEnvelope[]>() });

export const envelopesName = (groupId: string): string => `envelopes.${groupId}`;

/** Pushes that overtook their notices. */
export const HELD_AGGREGATE: Aggregate = { kind: 'held-push', id: 'own' };

export interface HeldPush {
  /** Name of its {@link HELD_PUSH}. */
  readonly name: string;
  readonly groupId: string;
  readonly version: bigint;
}

export const HELD_INDEX = defineRecord('index', {
  /** Number of the next one. */
  next: jsonField<number>(),
  /** In the order in which they came. */
  entries: jsonField<readonly HeldPush[]>(),
});

export const HELD_PUSH = defineRecord('push', {
  /** A GatewayGroupKeyDelivery, encoded. */
  delivery: jsonField<Buffer>(),
  traceparent: jsonField<string>(),
});

/** Members' envelopes, as they came from the Server: the gateway passes them on and opens none. */
@Injectable()
export class Envelopes {
  constructor(
    private readonly records: Records,
    private readonly groups: KnownGroups,
  ) {}

  /**
   * Keeps those of members; one that left before its envelope came gets none.
   * @param isAhead whether others may be members whose notice is on the way: theirs are kept, and given out once it has come
   * @returns E of each member whose it kept
   */
  async keepAll(
    groupId: string,
    version: bigint,
    envelopes: readonly CheckedEnvelope[],
    isAhead = false,
  ): Promise<readonly string[]> {
    const kept: string[] = [];
    await forEach(envelopes, async ({ entity, own }) => {
      const isMember = await this.groups.isMemberHere(groupId, entity.uri);
      if (!isMember && !isAhead) return;
      await this.keep(entity.uri, groupId, { version, keyId: parseEnvelope(own).keyId, own });
      if (isMember) kept.push(entity.uri);
    });
    return kept;
  }

  /** The newest versions of a group stay. */
  keep(entity: string, groupId: string, envelope: HeldEnvelope): Promise<void> {
    return this.change(entity, groupId, (before) => {
      const others = before.filter(({ version }) => version !== envelope.version);
      return [...others, envelope].sort((a, b) => (a.version < b.version ? -1 : 1)).slice(-VERSIONS_KEPT);
    });
  }

  /** @param below of lower versions only; of all without it */
  drop(entity: string, groupId: string, below?: bigint): Promise<void> {
    return this.change(entity, groupId, (before) =>
      before.filter(({ version }) => below !== undefined && version >= below),
    );
  }

  async find(entity: string, groupId: string, version: bigint): Promise<HeldEnvelope | undefined> {
    const wanted = { envelopes: at(ENVELOPES, envelopesName(groupId)) };
    const { envelopes } = await this.records.read(memberAggregate(entity), wanted);
    return envelopes?.held.find((one) => one.version === version);
  }

  private change(
    entity: string,
    groupId: string,
    next: (before: readonly HeldEnvelope[]) => readonly HeldEnvelope[],
  ): Promise<void> {
    const wanted = { envelopes: at(ENVELOPES, envelopesName(groupId)) };
    return this.records.transact(memberAggregate(entity), wanted, ({ envelopes }) => {
      const before = envelopes?.held ?? [];
      const held = next(before);
      if (held.length === before.length && held.every((one) => before.includes(one))) return { result: undefined };
      return { result: undefined, put: { envelopes: held.length === 0 ? null : { held } } };
    });
  }
}

export interface WaitingPush extends HeldPush {
  readonly delivery: GatewayGroupKeyDelivery;
  readonly traceparent: string;
}

const pushName = (number: number): string => `push.${number}`;

/**
 * Pushes that overtook their notices: SMF and CSKMF reach the gateway over channels of their own, and neither waits for
 * the other. They wait here, in the store, as many as {@link HeldPushes.max} altogether; beyond that the oldest is let go, and
 * asked for when its notice comes.
 */
@Injectable()
export class HeldPushes {
  /** As many pushes as wait at a time. */
  readonly max: number = 256;
  /** Far above 500 envelopes of the longest names. A larger push is let go at once, since no record could hold it; bytes. */
  readonly maxBytes: number = 700_000;

  constructor(
    private readonly records: Records,
    private readonly notices: Notices,
    private readonly logger: Logger,
  ) {}

  /** Resolves when the push is in the store, or was let go. */
  async hold({ groupId, version }: Statement, message: GatewayGroupKeyDelivery, traceparent: string): Promise<void> {
    const delivery = Buffer.from(GatewayGroupKeyDelivery.encode(message).finish());
    if (delivery.length > this.maxBytes) return this.#noteMissed({ groupId, version });
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

/**
 * What one watcher still has to look at. A group stands in it once, however often its key changed meanwhile: a slow
 * watcher gets the newest, and nothing queues up for it.
 */
export class Watcher {
  readonly #groups = new Set<string>();
  #ended: { readonly error: CpnsError | undefined } | undefined;
  #wake: (() => void) | undefined;

  constructor(readonly caller: LiveCaller) {}

  tell(groupId: string): void {
    this.#groups.add(groupId);
    this.#wake?.();
  }

  /** @param error what the caller is told; without one the watch is simply over */
  end(error?: CpnsError): void {
    this.#ended ??= { error };
    this.#wake?.();
  }

  /** The next group to look at, in the order in which they were told; undefined when the watch is over. @throws what ended it */
  async next(): Promise<string | undefined> {
    for (;;) {
      if (this.#ended?.error !== undefined) throw this.#ended.error;
      if (this.#ended !== undefined) return undefined;
      for (const groupId of this.#groups) {
        this.#groups.delete(groupId);
        return groupId;
      }
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = undefined;
    }
  }
}

/** Who is watching at the moment, in this process: tells of groups whose key changed, never what it is. */
@Injectable()
export class GroupKeyHub {
  readonly #watchers = new Map<string, Watcher>();

  constructor(private readonly credentials: LiveCredentials) {
    credentials.onChange((entity) => void this.recheck(entity));
  }

  /** Entities that watch. */
  get size(): number {
    return this.#watchers.size;
  }

  /** One watch for each entity: a newer one ends the older, whose other end is most likely gone. */
  open(caller: LiveCaller): Watcher {
    const watcher = new Watcher(caller);
    this.#watchers
      .get(caller.entity)
      ?.end(new CpnsError('SUPERSEDED', 'a newer watch of this entity took over: two processes have its key'));
    this.#watchers.set(caller.entity, watcher);
    return watcher;
  }

  close(watcher: Watcher): void {
    watcher.end();
    if (this.#watchers.get(watcher.caller.entity) === watcher) this.#watchers.delete(watcher.caller.entity);
  }

  /** @param entities E of each whose key of the group changed */
  publish(groupId: string, entities: readonly string[]): void {
    for (const entity of entities) this.#watchers.get(entity)?.tell(groupId);
  }

  /**
   * Looks anew at those who watch, and ends each watch whose credential is no longer live.
   * @param entity E of the one whose credential changed; all of them without it
   */
  private async recheck(entity: string | undefined): Promise<void> {
    const affected = [...this.#watchers.values()].filter((one) => entity === undefined || one.caller.entity === entity);
    for (const watcher of affected)
      await this.credentials.check(watcher.caller.entity, shownBy(watcher.caller)).catch((error: unknown) => {
        watcher.end(
          error instanceof CpnsError ? error : new CpnsError('INTERNAL', 'the table of keys', { cause: error }),
        );
      });
  }
}
