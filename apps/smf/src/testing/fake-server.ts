import {
  GroupKeyVersionState,
  type CreateGroupKeyRequest,
  type DeleteGroupKeyRequest,
  type GetGatewayRequest,
  type GroupKeyStatus,
  type UpdateGroupKeyRequest,
} from '@cpns/contracts';
import { CpnsError, failedPrecondition, type ErrorMetadata, type Reason } from '@cpns/core';
import type { ServerLink } from '../peer-clients/server-link';

interface KeyedGroup {
  revision: bigint;
  members: Set<string>;
  versions: bigint[];
  deleted: boolean;
  /** The change that led here. */
  change: string;
}

const json = (value: unknown) =>
  JSON.stringify(value, (_name, each: unknown) => (typeof each === 'bigint' ? `${each}n` : each));
const away = () => new CpnsError('DEPENDENCY_UNAVAILABLE', 'the CPNS Server is away');

/** The CPNS Server as far as SMF sees it: CSKMF's rules of revisions, and the ways in which a Server fails. */
export class FakeServer implements ServerLink {
  readonly uri = 'cpns://td.example/service/cpns-server';
  readonly groups = new Map<string, KeyedGroup>();
  /** Each request that changes a group, in order. */
  readonly requests: string[] = [];
  /** E of those that have no live key. */
  readonly withoutKey = new Set<string>();
  /** SHA-256 of the certificate of each gateway that stands, by E. */
  readonly gateways = new Map<string, Buffer>();
  /** How often a gateway was asked for. */
  asked = 0;
  /** Nothing is answered at all. */
  away = false;
  /** Requests that change a group are not answered, others are. */
  stuck = false;
  /** So many answers get lost after the work was done. */
  lose = 0;
  /** How many connections to it were closed. */
  closed = 0;
  refuseWith: { readonly reason: Reason; readonly metadata: ErrorMetadata } | undefined;
  #gate: Promise<void> = Promise.resolve();

  /** Requests that change a group wait until the result is called. */
  hold(): () => void {
    let release: (() => void) | undefined;
    this.#gate = new Promise((resolve) => (release = resolve));
    return () => release?.();
  }

  close(): void {
    this.closed += 1;
  }

  ready(): Promise<void> {
    return this.away ? Promise.reject(away()) : Promise.resolve();
  }

  readonly groupKeys: ServerLink['groupKeys'] = {
    createGroupKey: (request) => this.#change('create', request.description?.groupId, () => this.#create(request)),
    updateGroupKey: (request) => this.#change('update', request.groupId, () => this.#update(request)),
    deleteGroupKey: (request) => this.#change('delete', request.groupId, () => this.#delete(request)),
  };

  readonly enrolment: ServerLink['enrolment'] = {
    getGateway: ({ entity }: GetGatewayRequest) => {
      this.asked += 1;
      if (this.away) return Promise.reject(away());
      const certificateDigest = this.gateways.get(entity);
      if (certificateDigest === undefined) return Promise.reject(new CpnsError('NOT_FOUND', 'no such gateway'));
      const times = { enrolledAt: 1n, certificateNotAfter: 2n, undelivered: 0n };
      return Promise.resolve({
        gateway: { entity, certificateDigest, revoked: false, firstSeeds: [], cas: [], ...times },
      });
    },
  };

  /** E of each recipient, sorted. */
  recipients(groupId: string): string[] {
    return [...(this.groups.get(groupId)?.members ?? [])].sort();
  }

  async #change(kind: string, groupId = '', work: () => KeyedGroup): Promise<{ status: GroupKeyStatus }> {
    await this.#gate;
    if (this.away || this.stuck) throw away();
    this.requests.push(`${kind} ${groupId}`);
    if (this.refuseWith !== undefined)
      throw new CpnsError(this.refuseWith.reason, 'refused', { metadata: this.refuseWith.metadata });
    const { revision, versions, deleted } = work();
    if (this.lose > 0) {
      this.lose -= 1;
      throw away();
    }
    const state = GroupKeyVersionState.GROUP_KEY_VERSION_STATE_ACTIVE;
    const stated = versions.map((version) => ({ version, state, activateAt: 1n, sealUntil: 2n }));
    return { status: { groupId, membershipRevision: revision, deleted, versions: stated } };
  }

  #checkKeys(members: readonly string[]): void {
    const entity = members.find((member) => this.withoutKey.has(member));
    if (entity !== undefined)
      throw failedPrecondition('MEMBER_WITHOUT_KEY', 'a member needs a live key', { metadata: { entity } });
  }

  #find(groupId: string): KeyedGroup {
    const group = this.groups.get(groupId);
    if (group === undefined) throw new CpnsError('NOT_FOUND', 'no group of this id');
    return group;
  }

  #create({ description, members, membershipRevision: revision }: CreateGroupKeyRequest): KeyedGroup {
    const groupId = description?.groupId ?? '';
    const change = json({ description, members, revision });
    const known = this.groups.get(groupId);
    if (known?.change === change) return known;
    if (known !== undefined) throw new CpnsError('ALREADY_EXISTS', 'the group has a key');
    this.#checkKeys(members);
    const group = { revision, members: new Set(members), versions: [1n], deleted: false, change };
    this.groups.set(groupId, group);
    return group;
  }

  #update({ groupId, membershipRevision: revision, joined, left }: UpdateGroupKeyRequest): KeyedGroup {
    const change = json({ revision, joined, left });
    const group = this.#find(groupId);
    if (group.change === change) return group;
    if (group.deleted) throw failedPrecondition('GROUP_DELETED', 'the group was deleted');
    if (revision !== group.revision + 1n) throw new CpnsError('CONFLICT', 'another revision comes next');
    this.#checkKeys(joined);
    for (const member of joined) group.members.add(member);
    for (const member of left) group.members.delete(member);
    group.versions.push(BigInt(group.versions.length + 1));
    return Object.assign(group, { revision, change });
  }

  #delete({ groupId }: DeleteGroupKeyRequest): KeyedGroup {
    return Object.assign(this.#find(groupId), { deleted: true });
  }
}
