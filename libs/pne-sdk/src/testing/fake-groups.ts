/** Service Groups as a CPNS Server and a PN GW show them to a member: signed statements, envelopes, pushes. */
import { type GroupKeyDelivery, type WatchGroupKeysResponse, groupKeyDelivery } from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import { endStatement, makeEnvelope, type Statement } from '@cpns/group-key';
import type { TestServer, TestVersion } from '@cpns/group-key/testing';
import { PassThrough } from 'node:stream';
import type { GroupKeyChannel } from '../group-key/member';
import type { LiveKey } from '../state/device-state';

export type MemberKey = Pick<LiveKey, 'entity' | 'secret' | 'keyId'>;

interface FakeVersion extends TestVersion {
  readonly recipients: ReadonlySet<string>;
}

interface FakeGroup {
  members: ReadonlySet<string>;
  readonly versions: FakeVersion[];
  end?: Statement;
}

export class FakeGroups {
  /** Every pull as it was asked for: E, group-id, version. */
  readonly pulls: string[] = [];
  /** Replaces what the next pulls are answered with. */
  answer: ((delivery: GroupKeyDelivery) => GroupKeyDelivery | undefined) | undefined;
  /** What every call fails with. */
  failure: CpnsError | undefined;
  /** How often a stream was opened. */
  opened = 0;
  readonly #groups = new Map<string, FakeGroup>();
  readonly #keys = new Map<string, MemberKey>();
  /** The open streams, each with the E that watches. */
  readonly #watchers = new Map<PassThrough, string>();

  constructor(private readonly server: TestServer) {}

  register(key: MemberKey): void {
    this.#keys.set(key.entity, key);
  }

  /** Makes the next version, for these members from now on. */
  version(groupId: string, members: readonly string[], edit: Partial<Statement> = {}): TestVersion {
    const group = this.#groups.get(groupId) ?? { members: new Set(), versions: [] };
    const number = BigInt(group.versions.length + 1);
    const made = this.server.version({ groupId, version: number, ...edit });
    group.members = new Set(members);
    group.versions.push({ ...made, recipients: group.members });
    this.#groups.set(groupId, group);
    return made;
  }

  /** Another statement about a version, the newest one by default. */
  renew(groupId: string, edit: Partial<Statement>, version?: bigint): void {
    const { versions } = this.#group(groupId);
    const index = version === undefined ? versions.length - 1 : Number(version) - 1;
    const one = versions[index]!;
    versions[index] = { ...one, statement: { ...one.statement, ...edit } };
  }

  end(groupId: string): void {
    const group = this.#group(groupId);
    group.end = endStatement(groupId, BigInt(group.versions.length), this.server.clock.now());
  }

  /** What the Server makes for one member, whether it is given or not. */
  delivery(groupId: string, version: bigint, entity: string): GroupKeyDelivery {
    const { statement, groupKey } = this.#group(groupId).versions[Number(version) - 1]!;
    const { secret, keyId } = this.#keys.get(entity)!;
    const own = makeEnvelope(secret, keyId, { groupId, version, entity }, groupKey);
    return groupKeyDelivery({ signed: this.server.sign(statement), own });
  }

  /** What a member is told of without asking, where the key is not pushed: an emergency. */
  statementOf(groupId: string, version: bigint): GroupKeyDelivery {
    return groupKeyDelivery({
      signed: this.server.sign(this.#group(groupId).versions[Number(version) - 1]!.statement),
    });
  }

  endDelivery(groupId: string): GroupKeyDelivery {
    return groupKeyDelivery({ signed: this.server.sign(this.#group(groupId).end!) });
  }

  /** GK-PUSH to whoever watches. */
  push(entity: string, delivery: GroupKeyDelivery | undefined, traceparent = ''): void {
    for (const [stream, watcher] of this.#watchers) if (watcher === entity) stream.write({ delivery, traceparent });
  }

  /** Ends every stream. */
  breakStreams(failure = new CpnsError('DEPENDENCY_UNAVAILABLE', 'the gateway ended')): void {
    for (const stream of this.#watchers.keys()) stream.destroy(failure);
  }

  get watching(): number {
    return this.#watchers.size;
  }

  channelOf(entity: string): GroupKeyChannel {
    return {
      join: (groupId) => this.#answer(() => this.#change(groupId, (members) => new Set([...members, entity]))),
      leave: (groupId) => this.#answer(() => this.#change(groupId, (members) => without(members, entity))),
      pull: (groupId, version) => this.#answer(() => this.#pull(groupId, version, entity)),
      watch: (signal) => this.#answer(() => this.#watch(entity, signal)),
    };
  }

  async #answer<T>(work: () => T): Promise<T> {
    await Promise.resolve();
    if (this.failure !== undefined) throw this.failure;
    return work();
  }

  #group(groupId: string): FakeGroup {
    const group = this.#groups.get(groupId);
    if (group === undefined) throw new CpnsError('NOT_FOUND', 'no such Service Group');
    return group;
  }

  #change(groupId: string, edit: (members: ReadonlySet<string>) => ReadonlySet<string>): void {
    const { members } = this.#group(groupId);
    const next = edit(members);
    if (next.size !== members.size) this.version(groupId, [...next]);
  }

  #pull(groupId: string, asked: bigint, entity: string): GroupKeyDelivery | undefined {
    this.pulls.push(`${entity} ${groupId} ${asked}`);
    const { versions, members, end } = this.#group(groupId);
    if (end !== undefined) throw new CpnsError('GROUP_DELETED', 'the Service Group was deleted');
    const version = asked === 0n ? BigInt(versions.length) : asked;
    const found = versions[Number(version) - 1];
    if (found === undefined) throw new CpnsError('NOT_FOUND', 'no such version');
    if (!found.recipients.has(entity))
      throw members.has(entity)
        ? new CpnsError('VERSION_NOT_GIVEN', 'not given')
        : new CpnsError('NOT_A_MEMBER', 'no member');
    const delivery = this.delivery(groupId, version, entity);
    return this.answer === undefined ? delivery : this.answer(delivery);
  }

  #watch(entity: string, signal: AbortSignal): AsyncIterable<WatchGroupKeysResponse> {
    this.opened += 1;
    const stream = new PassThrough({ objectMode: true });
    this.#watchers.set(stream, entity);
    stream.once('close', () => this.#watchers.delete(stream));
    signal.addEventListener('abort', () => stream.end());
    return stream;
  }
}

const without = (members: ReadonlySet<string>, entity: string) =>
  new Set([...members].filter((member) => member !== entity));
