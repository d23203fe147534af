/**
 * SECCF-KMC: versions of Group Keys are made with random material, given to the OSG, and destroyed once they are retired.
 * Kept: of each group its key's head and versions, of each request what it was for.
 */
import { Payload } from '@nestjs/microservices';
import {
  type CreateKeyRequest,
  type CreateKeyVersionRequest,
  type DestroyKeyRequest,
  type DestroyKeyVersionRequest,
  fields,
  type GetKeyVersionRequest,
  type KeyVersion,
  KmcServiceService,
} from '@cpns/contracts';
import {
  checkGroupId,
  Clock,
  CpnsError,
  duration,
  GroupKey,
  type LifeCycle,
  nextState,
  Random,
  SECRET_BYTES,
} from '@cpns/core';
import type { Handlers } from '@cpns/grpc';
import { FlowStep, GrpcController } from '@cpns/platform';
import {
  type Aggregate,
  at,
  type Decision,
  defineRecord,
  expiring,
  type Found,
  jsonField,
  optional,
  type RecordRef,
  Records,
  secretField,
  type ValueIn,
} from '@cpns/store';

/**
 * A group's key. `ending`: it is given out no more, and its versions are being destroyed, which takes as many
 * commits as there are hundreds of them. `ended`: they are gone. Neither leads back: a group-id is never used again.
 */
export type KeyState = 'live' | 'ending' | 'ended';
export type KeyEvent = 'destroy' | 'cleared';

/** One version. `destroyed`: the number stays taken, the material is gone. */
export type VersionState = 'live' | 'destroyed';
type VersionEvent = 'destroy';

export const KMC_KEY_LIFE_CYCLE: LifeCycle<KeyState, KeyEvent> = [
  { state: 'live', event: 'destroy', next: 'ending' },
  // asked again, after a crash or by an impatient caller
  { state: 'ending', event: 'destroy', next: 'ending' },
  { state: 'ending', event: 'cleared', next: 'ended' },
  { state: 'ended', event: 'cleared', next: 'ended' },
  { state: 'ended', event: 'destroy', next: 'ended' },
];

export const KMC_VERSION_LIFE_CYCLE: LifeCycle<VersionState, VersionEvent> = [
  { state: 'live', event: 'destroy', next: 'destroyed' },
  { state: 'destroyed', event: 'destroy', next: 'destroyed' },
];

/** @throws CpnsError INTERNAL where the life cycle has no row: a fault of ours */
export function advance<State extends string, Event extends string>(
  lifeCycle: LifeCycle<State, Event>,
  state: State,
  event: Event,
): State {
  const next = nextState(lifeCycle, state, event);
  if (next === undefined) throw new CpnsError('INTERNAL', `what is ${state} does not meet ${event}`);
  return next;
}

/** The Group Key of a Service Group: {@link HEAD} and any number of {@link VERSION}. */
export const keyAggregate = (groupId: string): Aggregate => ({ kind: 'key', id: groupId });

export const HEAD = defineRecord('head', {
  state: jsonField<KeyState>(),
  /** The highest number given so far; 1 for a group's first. */
  newest: jsonField<bigint>(),
});
type HeadRecord = ValueIn<typeof HEAD>;

/**
 * Stays when the version is destroyed, without its key: that a record is absent never means that something may be done.
 * The store then holds the sealed key no more, as far as the store's users can see: an embedded store's file, and a
 * Redis's append-only file, still have its old bytes, sealed, until the space is used again or the file is rewritten.
 */
export const VERSION = defineRecord('version', {
  version: jsonField<bigint>(),
  state: jsonField<VersionState>(),
  /** Of the request that it was made for, 16 bytes. */
  requestId: jsonField<Buffer>(),
  /** Of a live version. */
  groupKey: optional(secretField(GroupKey)),
});
export type VersionRecord = ValueIn<typeof VERSION>;

export const versionName = (version: bigint): string => `version.${version}`;

/** @param requestId 16 bytes */
const requestAggregate = (requestId: Buffer): Aggregate => ({ kind: 'request', id: requestId.toString('hex') });

/** What a request id stands for, so that it cannot come to stand for something else. */
export const CLAIM = defineRecord('claim', {
  groupId: jsonField<string>(),
  /** 0 for a group's first version. */
  previous: jsonField<bigint>(),
});

interface VersionToMake {
  readonly groupId: string;
  /** The version that it follows; 0 for a group's first. */
  readonly previous: bigint;
  /** 16 bytes */
  readonly requestId: Buffer;
  /** Throws the reason why no version of this request can follow. */
  readonly checkMayFollow: (head: HeadRecord | undefined) => void;
}

/** A request is repeated within minutes. Later the version itself still knows which request it was made for. */
const CLAIM_MS = duration(30, 'day');

/** Versions that one commit destroys: an expectation and a put each, well below what a commit of the store may have. */
const CHUNK = 500n;

/** OSG to KMC: Group Keys of Service Groups, by version. */
@GrpcController(KmcServiceService)
export class KmcController implements Handlers<typeof KmcServiceService> {
  constructor(
    private readonly records: Records,
    private readonly clock: Clock,
    private readonly random: Random,
  ) {}

  /**
   * FLOW-PULL and FLOW-PUSH step 3: the Group Key of a new Service Group, in its version 1.
   * @throws CpnsError a field's reason; ALREADY_EXISTS for a group-id that has, or had, a key from another request;
   *   CONFLICT for a request id that was used for something else; NOT_FOUND when this request's version was destroyed
   */
  @FlowStep(['FLOW-PULL', 'FLOW-PUSH'], 3, ['group_id', 'request_id'])
  async createKey(@Payload() request: CreateKeyRequest) {
    const groupId = checkGroupId(request.groupId, 'group_id');
    const requestId = fields.nonce(request.requestId, 'request_id');
    return { version: await this.make({ groupId, previous: 0n, requestId, checkMayFollow: checkUnused }) };
  }

  /**
   * GK-UPDATE-M and GK-UPDATE-T step 3: the next version.
   * @throws CpnsError a field's reason; NOT_FOUND for a group without a key, or whose key was destroyed, and when this
   *   request's version was destroyed; CONFLICT when `previous` is not the newest, or the request id was used before
   */
  @FlowStep(['GK-UPDATE-M', 'GK-UPDATE-T'], 3, ['group_id', 'previous', 'request_id'])
  async createKeyVersion(@Payload() request: CreateKeyVersionRequest) {
    const groupId = checkGroupId(request.groupId, 'group_id');
    const previous = fields.positive(request.previous, 'previous');
    const requestId = fields.nonce(request.requestId, 'request_id');
    const checkMayFollow = (head: HeadRecord | undefined) => {
      if (head?.state !== 'live') throw noSuchKey();
      if (head.newest !== previous)
        throw new CpnsError('CONFLICT', `the newest version is another than ${previous}: another request was faster`);
    };
    return { version: await this.make({ groupId, previous, requestId, checkMayFollow }) };
  }

  /**
   * A version that was made before, for a pull or after a restart of the CPNS Server.
   * @throws CpnsError a field's reason; NOT_FOUND for what was never made, or was destroyed
   */
  async getKeyVersion(@Payload() request: GetKeyVersionRequest) {
    const groupId = checkGroupId(request.groupId, 'group_id');
    const name = versionName(fields.positive(request.version, 'version'));
    const wanted = { head: at(HEAD), version: at(VERSION, name) };
    const { head, version } = await this.records.read(keyAggregate(groupId), wanted);
    // while a key is ending, some of its versions still have their material
    if (head?.state !== 'live') throw noSuchKey();
    if (version === undefined) throw noSuchVersion();
    return { version: keyVersion(groupId, version) };
  }

  /** Idempotent. @throws CpnsError a field's reason; NOT_FOUND for what was never made */
  async destroyKeyVersion(@Payload() request: DestroyKeyVersionRequest) {
    const aggregate = keyAggregate(checkGroupId(request.groupId, 'group_id'));
    const wanted = { version: at(VERSION, versionName(fields.positive(request.version, 'version'))) };
    await this.records.transact(aggregate, wanted, ({ version }) => {
      if (version === undefined) throw noSuchVersion();
      if (version.state === 'destroyed') return { result: undefined };
      return { result: undefined, put: { version: destroyed(version) } };
    });
    return {};
  }

  /**
   * GK-DELETE step 3: the end of a Group Key in all its versions, and of its group-id. First the key is given out no
   * more, then its versions are destroyed; after a crash the same call goes on. Done, also when it was destroyed
   * before.
   * @throws CpnsError a field's reason; NOT_FOUND for a group that never had a key
   */
  @FlowStep(['GK-DELETE'], 3, ['group_id'])
  async destroyKey(@Payload() request: DestroyKeyRequest) {
    const aggregate = keyAggregate(checkGroupId(request.groupId, 'group_id'));
    const head = await this.advance(aggregate, 'destroy');
    if (head.state === 'ended') return {};
    for (let from = 1n; from <= head.newest; from += CHUNK) await this.clear(aggregate, from, head.newest);
    await this.advance(aggregate, 'cleared');
    return {};
  }

  private advance(aggregate: Aggregate, event: KeyEvent): Promise<HeadRecord> {
    return this.records.transact(aggregate, { head: at(HEAD) }, ({ head }) => {
      if (head === undefined) throw noSuchKey();
      const state = advance(KMC_KEY_LIFE_CYCLE, head.state, event);
      if (state === head.state) return { result: head };
      const next = { ...head, state };
      return { result: next, put: { head: next } };
    });
  }

  /** Destroys the versions of one commit. */
  private clear(aggregate: Aggregate, from: bigint, newest: bigint): Promise<void> {
    const wanted: Record<string, RecordRef<typeof VERSION.fields>> = {};
    for (let version = from; version < from + CHUNK && version <= newest; version++)
      wanted[versionName(version)] = at(VERSION, versionName(version));
    return this.records.transact(aggregate, wanted, (found) => {
      const live = Object.entries(found).flatMap(([name, version]) =>
        version?.state === 'live' ? [[name, destroyed(version)] as const] : [],
      );
      return live.length === 0 ? { result: undefined } : { result: undefined, put: Object.fromEntries(live) };
    });
  }

  /**
   * Makes the version that follows another, once for each request id. Wherever a crash falls, the same request goes on:
   * first the request id is claimed, which changes nothing else, and then version and head are written in one commit.
   */
  private async make(request: VersionToMake): Promise<KeyVersion> {
    const { groupId, previous, requestId } = request;
    const aggregate = keyAggregate(groupId);
    const number = previous + 1n;
    const wanted = { head: at(HEAD), version: at(VERSION, versionName(number)) };
    const earlier = ({ head, version }: Found<typeof wanted>) => {
      if (head?.state === 'live' && version?.requestId.equals(requestId)) return version;
      request.checkMayFollow(head);
      return undefined;
    };
    const seen = await this.records.snapshot(aggregate, wanted);
    // what is refused here leaves nothing behind
    const answered = earlier(seen.found);
    if (answered !== undefined) return keyVersion(groupId, answered);
    await this.claim(request);
    const groupKey = new GroupKey(this.random.bytes(SECRET_BYTES));
    const made: VersionRecord = { version: number, state: 'live', requestId, groupKey };
    const decide = (found: Found<typeof wanted>): Decision<typeof wanted, VersionRecord> => {
      const meanwhile = earlier(found);
      if (meanwhile !== undefined) return { result: meanwhile };
      return { result: made, put: { head: { state: 'live', newest: number }, version: made } };
    };
    return keyVersion(groupId, await this.records.transact(aggregate, wanted, decide, seen));
  }

  private claim({ groupId, previous, requestId }: VersionToMake): Promise<void> {
    return this.records.transact(requestAggregate(requestId), { claim: at(CLAIM) }, ({ claim }) => {
      if (claim === undefined)
        return { result: undefined, put: { claim: expiring({ groupId, previous }, this.clock.now() + CLAIM_MS) } };
      if (claim.groupId !== groupId || claim.previous !== previous)
        throw new CpnsError('CONFLICT', 'the request id was used for another request: take a new one');
      return { result: undefined };
    });
  }
}

function checkUnused(head: HeadRecord | undefined): void {
  if (head === undefined) return;
  const what = head.state === 'live' ? 'the group has a Group Key' : 'the group-id was used, and never will be again';
  throw new CpnsError('ALREADY_EXISTS', what);
}

/** A version as the OSG gets it, with its material. @throws CpnsError NOT_FOUND when that is gone */
function keyVersion(groupId: string, { version, groupKey }: VersionRecord): KeyVersion {
  if (groupKey === undefined) throw new CpnsError('NOT_FOUND', 'this version of the Group Key was destroyed');
  return { groupId, version, groupKey: groupKey.expose() };
}

/** What stays of a version: its number, and which request it was made for. */
const destroyed = ({ version, state, requestId }: VersionRecord): VersionRecord => ({
  version,
  state: advance(KMC_VERSION_LIFE_CYCLE, state, 'destroy'),
  requestId,
});

const noSuchKey = () => new CpnsError('NOT_FOUND', 'the group has no Group Key here');
const noSuchVersion = () => new CpnsError('NOT_FOUND', 'the Group Key has no such version');
