/**
 * SECCF-OSG: the one function of the CPNS Server that talks to the KMC. CSKMF asks it for Group Keys and never sees where
 * they come from; they pass through memory only, each as a {@link GroupKey}, and are destroyed when they are let go.
 */
import type { KeyVersion } from '@cpns/contracts';
import { Clock, CpnsError, GroupKey, SECRET_BYTES } from '@cpns/core';
import { OwnIdentity } from '@cpns/platform';
import { emitStep, withinStep, type CarriedField } from '@cpns/telemetry';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { GroupKeyCache } from './group-key-cache';
import { Kmc } from './kmc';

/** The flows that change a group. */
export type ChangeFlow = 'FLOW-PULL' | 'FLOW-PUSH' | 'GK-UPDATE-M' | 'GK-DELETE';

/** Which version a change needs. */
export interface VersionOrder {
  readonly flow: ChangeFlow;
  readonly groupId: string;
  /** The version that it follows, or 0 for a group's first. */
  readonly previous: bigint;
  /** 16 bytes; the KMC answers the same request with the same version. */
  readonly requestId: Buffer;
}

/** What is done with a Group Key: at once, since it may be destroyed as soon as the caller awaits something. */
export type Use<T> = (groupKey: GroupKey) => T;

/** What the KMC says for good: it has other keys for this group than this Server believes. */
const CONTRADICTIONS: ReadonlySet<string> = new Set(['CONFLICT', 'NOT_FOUND', 'FIELD_MISSING', 'FIELD_OUT_OF_RANGE']);

@Injectable()
export class Osg implements OnApplicationShutdown {
  readonly #fetching = new Map<string, Promise<void>>();

  constructor(
    private readonly own: OwnIdentity,
    private readonly kmc: Kmc,
    private readonly cache: GroupKeyCache,
    private readonly clock: Clock,
  ) {}

  /**
   * Steps 3 and 4: has the next version made.
   * @throws CpnsError DEPENDENCY_UNAVAILABLE, DEADLINE: ask again with the same request id; ALREADY_EXISTS for a first
   *   version under a group-id that the KMC has seen before; INTERNAL when the KMC contradicts this Server
   */
  async createVersion<T>(order: VersionOrder, use: Use<T>): Promise<T> {
    const { flow, groupId, previous, requestId } = order;
    const { rpc } = this.kmc;
    const { version } = await this.#ask(flow, ['version', 'group_key'], () =>
      previous === 0n ? rpc.createKey({ groupId, requestId }) : rpc.createKeyVersion({ groupId, previous, requestId }),
    );
    const wanted = previous + 1n;
    this.cache.put(groupId, wanted, accept(version, groupId, wanted));
    return this.use(groupId, wanted, use);
  }

  /**
   * Does something with a version that was made before.
   * @throws CpnsError DEPENDENCY_UNAVAILABLE, DEADLINE; INTERNAL when the KMC does not have it
   */
  async use<T>(groupId: string, version: bigint, use: Use<T>): Promise<T> {
    for (;;) {
      const groupKey = this.cache.get(groupId, version);
      if (groupKey !== undefined) return use(groupKey);
      await this.#fetch(groupId, version);
    }
  }

  /** The material of one version is gone. Done, also when it was destroyed before. @throws CpnsError as {@link use} */
  async destroyVersion(groupId: string, version: bigint): Promise<void> {
    this.cache.forget(groupId, version);
    await this.kmc.rpc.destroyKeyVersion({ groupId, version }).catch(unlessUnknown);
  }

  /** Steps 3 and 4 of GK-DELETE. Done, also when it was destroyed before. @throws CpnsError as {@link use} */
  async destroyGroup(groupId: string): Promise<void> {
    this.cache.forgetGroup(groupId);
    await this.#ask('GK-DELETE', ['group_id'], () => this.kmc.rpc.destroyKey({ groupId }).catch(unlessUnknown));
  }

  /** Destroys the keys in memory that were not asked for lately. */
  dropIdle(): void {
    this.cache.dropIdle();
  }

  /** Destroys every key in memory. */
  onApplicationShutdown(): void {
    this.cache.clear();
  }

  async #ask<T>(flow: ChangeFlow, carried: readonly CarriedField[], call: () => Promise<T>): Promise<T> {
    const startedAt = this.clock.now();
    try {
      const answer = await withinStep({ flow, step: 3 }, call);
      emitStep({ flow, step: 4, from: this.kmc.uri, to: this.own.uri, carried, startedAt });
      return answer;
    } catch (error) {
      throw ofCaller(error);
    }
  }

  /** Calls that need the same version wait for one answer. */
  async #fetch(groupId: string, version: bigint): Promise<void> {
    const name = `${groupId}/${version}`;
    const fetching = this.#fetching.get(name) ?? this.#get(groupId, version).finally(() => this.#fetching.delete(name));
    this.#fetching.set(name, fetching);
    await fetching;
  }

  async #get(groupId: string, version: bigint): Promise<void> {
    try {
      const answer = await this.kmc.rpc.getKeyVersion({ groupId, version });
      this.cache.put(groupId, version, accept(answer.version, groupId, version));
    } catch (error) {
      throw ofCaller(error);
    }
  }
}

/** The key of an answer, which is wiped where it arrived. */
function accept(answer: KeyVersion | undefined, groupId: string, version: bigint): GroupKey {
  const bytes = answer?.groupKey ?? Buffer.alloc(0);
  if (answer?.groupId !== groupId || answer.version !== version || bytes.length !== SECRET_BYTES)
    throw new CpnsError('INTERNAL', 'the KMC answered with another key than was asked for');
  const groupKey = new GroupKey(bytes);
  bytes.fill(0);
  return groupKey;
}

/** A key that the KMC never had needs no destroying. */
function unlessUnknown(error: unknown): void {
  if (!(error instanceof CpnsError) || error.reason !== 'NOT_FOUND') throw error;
}

/** Our caller asked for something else: what the KMC says of our request is a fault of ours. */
function ofCaller(error: unknown): unknown {
  if (!(error instanceof CpnsError) || !CONTRADICTIONS.has(error.reason)) return error;
  return new CpnsError('INTERNAL', 'the KMC and the CPNS Server disagree about the keys of this group', {
    cause: error,
  });
}
