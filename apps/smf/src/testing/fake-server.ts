import type {
  CreateGroupKeyRequest,
  DeleteGroupKeyRequest,
  GetGatewayRequest,
  GetGroupKeyStatusRequest,
  GroupKeyStatus,
  UpdateGroupKeyRequest,
} from '@cpns/contracts';
import { GroupKeyVersionState } from '@cpns/contracts';
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
    createGroupKey: (request) => this.#change('create', request, () => this.#create(request)),
    updateGroupKey: (request) => this.#change('update', request, () => this.#update(request)),
    deleteGroupKey: (request) => this.#change('delete', request, () => this.#delete(request)),
    getGroupKeyStatus: ({ groupId }: GetGroupKeyStatusRequest) => {
      if (this.away) return Promise.reject(away());
      const group = this.groups.get(groupId);
      return group === undefined
        ? Promise.reject(new CpnsError('NOT_FOUND', 'no group of this id'))
        : Promise.resolve({ status: statusOf(groupId, group) });
    },
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

  async #change(
    kind: string,
    request: { readonly groupId?: string; readonly description?: { readonly groupId: string } | undefined },
    work: () => GroupKeyStatus,
  ) {
    await this.#gate;
    if (this.away || this.stuck) throw away();
    this.requests.push(`${kind} ${request.groupId ?? request.description?.groupId ?? ''}`);
    if (this.refuseWith !== undefined) {
      const { reason, metadata } = this.refuseWith;
      throw new CpnsError(reason, 'refused', { metadata });
    }
    const status = work();
    if (this.lose > 0) {
      this.lose -= 1;
      throw away();
    }
    return { status };
  }

  #checkKeys(members: readonly string[]): void {
    const entity = members.find((member) => this.withoutKey.has(member));
    if (entity !== undefined)
      throw failedPrecondition('MEMBER_WITHOUT_KEY', 'a member needs a live key', { metadata: { entity } });
  }

  #create({ description, members, membershipRevision }: CreateGroupKeyRequest): GroupKeyStatus {
    const groupId = description?.groupId ?? '';
    const change = json({ description, members, membershipRevision });
    const known = this.groups.get(groupId);
    if (known?.change === change) return statusOf(groupId, known);
    if (known !== undefined) throw new CpnsError('ALREADY_EXISTS', 'the group has a key');
    this.#checkKeys(members);
    const group = {
      revision: membershipRevision,
      members: new Set(members),
      versions: [1n],
      deleted: false,
      change,
    };
    this.groups.set(groupId, group);
    return statusOf(groupId, group);
  }

  #update({ groupId, membershipRevision, joined, left }: UpdateGroupKeyRequest): GroupKeyStatus {
    const change = json({ membershipRevision, joined, left });
    const group = this.groups.get(groupId);
    if (group === undefined) throw new CpnsError('NOT_FOUND', 'no group of this id');
    if (group.change === change) return statusOf(groupId, group);
    if (group.deleted) throw failedPrecondition('GROUP_DELETED', 'the group was deleted');
    if (membershipRevision !== group.revision + 1n) throw new CpnsError('CONFLICT', 'another revision comes next');
    this.#checkKeys(joined);
    for (const member of joined) group.members.add(member);
    for (const member of left) group.members.delete(member);
    Object.assign(group, { revision: membershipRevision, change });
    group.versions.push(BigInt(group.versions.length + 1));
    return statusOf(groupId, group);
  }

  #delete({ groupId }: DeleteGroupKeyRequest): GroupKeyStatus {
    const group = this.groups.get(groupId);
    if (group === undefined) throw new CpnsError('NOT_FOUND', 'no group of this id');
    group.deleted = true;
    return statusOf(groupId, group);
  }
}

const statusOf = (groupId: string, { revision, versions, deleted }: KeyedGroup): GroupKeyStatus => ({
  groupId,
  membershipRevision: revision,
  deleted,
  versions: versions.map((version) => ({
    version,
    state: GroupKeyVersionState.GROUP_KEY_VERSION_STATE_ACTIVE,
    activateAt: 1n,
    sealUntil: 2n,
  })),
});
