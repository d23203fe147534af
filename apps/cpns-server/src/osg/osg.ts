/**
 * SECCF-OSG: the one function of the CPNS Server that talks to the KMC. CSKMF asks it for Group Keys and never sees where
 * they come from; they pass through memory only, each as a {@link GroupKey}, and are destroyed when they are let go.
 */
import { KmcServiceService, type KeyVersion } from '@cpns/contracts';
import { Clock, CpnsError, duration, GroupKey, SECRET_BYTES, serviceUri } from '@cpns/core';
import { connectTo, type ClientMethods, type Connection } from '@cpns/grpc';
import { OwnIdentity, ServiceIdentity } from '@cpns/platform';
import { emitStep, withinStep, type CarriedField } from '@cpns/telemetry';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { ServerConfig } from '../config';

/** Less than the callers' own deadlines, so that they hear which dependency is away; milliseconds. */
const DEADLINE_MS = 3_000;

export type KmcMethods = ClientMethods<typeof KmcServiceService>;

/** The connection to the KMC, which OSG alone has. */
@Injectable()
export class Kmc implements OnApplicationShutdown {
  /** `cpns://<trust-domain>/service/kmc` */
  readonly uri: string;
  readonly rpc: KmcMethods;
  readonly #connection: Connection;

  constructor({ trustDomain, tls: { cert, key, ca } }: ServiceIdentity, { kmcAddress }: ServerConfig) {
    this.uri = serviceUri(trustDomain, 'kmc');
    this.#connection = connectTo({
      address: kmcAddress,
      expectedPeer: this.uri,
      tls: { root: ca, cert, key },
      deadlineMs: DEADLINE_MS,
    });
    this.rpc = this.#connection.client(KmcServiceService);
  }

  onApplicationShutdown(): void {
    this.#connection.close();
  }
}

/** How long one is held that is not asked for, milliseconds. */
const IDLE = duration(10, 'minute');

const nameOf = (groupId: string, version: bigint): string => `${groupId}/${version}`;

/**
 * Group Keys in memory, for as long as they are asked for. A key is destroyed when it is taken out, so no caller may keep
 * one across an await: {@link GroupKeyCache.get} is for use at once.
 */
@Injectable()
export class GroupKeyCache {
  readonly #keys: LRUCache<string, GroupKey>;

  constructor(clock: Clock) {
    this.#keys = new LRUCache({
      max: this.capacity(),
      ttl: IDLE - 1, // the library holds an entry that is as old as its ttl
      ttlResolution: 0,
      updateAgeOnGet: true,
      perf: clock,
      dispose: (groupKey) => groupKey.destroy(),
    });
  }

  /** How many keys are held at a time. */
  protected capacity(): number {
    return 1_000;
  }

  get(groupId: string, version: bigint): GroupKey | undefined {
    return this.#keys.get(nameOf(groupId, version));
  }

  /** Takes the key over: it is this cache that destroys it. */
  put(groupId: string, version: bigint, groupKey: GroupKey): void {
    this.dropIdle();
    this.#keys.set(nameOf(groupId, version), groupKey);
  }

  forget(groupId: string, version: bigint): void {
    this.#keys.delete(nameOf(groupId, version));
  }

  forgetGroup(groupId: string): void {
    // `keys()` would leave out the idle ones
    for (const [name] of this.#keys.dump()) if (name.startsWith(`${groupId}/`)) this.#keys.delete(name);
  }

  /** Those that were not asked for lately. */
  dropIdle(): void {
    this.#keys.purgeStale();
  }

  clear(): void {
    this.#keys.clear();
  }
}

/** The flows that change a group. */
export type ChangeFlow = 'FLOW-PULL' | 'FLOW-PUSH' | 'GK-UPDATE-M' | 'GK-UPDATE-T' | 'GK-DELETE';

/** Which version a change needs. */
interface VersionOrder {
  readonly flow: ChangeFlow;
  readonly groupId: string;
  /** The version that it follows, or 0 for a group's first. */
  readonly previous: bigint;
  /** 16 bytes; the KMC answers the same request with the same version. */
  readonly requestId: Buffer;
}

/** What is done with a Group Key: at once, since it may be destroyed as soon as the caller awaits something. */
type Use<T> = (groupKey: GroupKey) => T;

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
