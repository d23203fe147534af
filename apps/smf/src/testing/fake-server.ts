import {
  GroupKeyVersionState,
  type GetGatewayRequest,
  type GroupDescription,
  type GroupKeyStatus,
  type UpdateGroupDescriptionRequest,
  type UpdateGroupKeyRequest,
} from '@cpns/contracts';
import { CpnsError, EntityUserKey, failedPrecondition } from '@cpns/core';
import {
  deriveConfirmKey,
  deriveKeyId,
  keyIdBytes,
  makeProof,
  parseProof,
  type ProofFields,
  sha256,
  verifyProof,
} from '@cpns/key-derivation';
import { FakeEndedSource } from '@cpns/platform/testing';
import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { ServerLink } from '../peer-clients/server-link';
import { FakeKeyEvents } from './fake-key-events';

interface KeyedGroup {
  readonly description: GroupDescription | undefined;
  readonly descriptionRevision: bigint;
  readonly revision: bigint;
  readonly members: ReadonlySet<string>;
  readonly versions: readonly bigint[];
  /** Those of them that were an emergency. */
  readonly emergencies: readonly bigint[];
  readonly deleted: boolean;
}

/** The SMF under test. */
export const SMF = 'cpns://td.example/service/smf';

/** S of an entity. */
const secretOf = (entity: string) => new EntityUserKey(sha256(Buffer.from(entity)));
const confirmKeyOf = (entity: string) => deriveConfirmKey(secretOf(entity));

let lastMs = 0;

/** An entity's own proof to the SMF, later than each before. */
export function ownProof(entity: string, method: string, body: Buffer, changed: Partial<ProofFields> = {}): Buffer {
  lastMs = Math.max(Date.now(), lastMs + 1);
  const fields = { keyId: deriveKeyId(secretOf(entity)), entity, timeMs: lastMs, nonce: randomBytes(16), ...changed };
  return makeProof(confirmKeyOf(entity), fields, { audience: SMF, method, requestDigest: sha256(body) });
}

const away = () => new CpnsError('DEPENDENCY_UNAVAILABLE', 'the CPNS Server is away');

/** The CPNS Server as far as SMF sees it: CSKMF's rules of revisions, and the ways in which a Server fails. */
export class FakeServer implements ServerLink {
  readonly uri = 'cpns://td.example/service/cpns-server';
  /** Each with the change that led here. */
  readonly groups = new Map<string, KeyedGroup & { readonly change: unknown }>();
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
  /** What every request that changes a group is refused with. */
  refusal: CpnsError | undefined;
  /** Who joins gets the version that is there. */
  joinsKeepVersion = false;
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
    createGroupKey: (request) =>
      this.#change('create', request.description!.groupId, request, (group) => {
        if (group !== undefined) throw new CpnsError('ALREADY_EXISTS', 'the group has a key');
        const { membershipRevision: revision, members, description } = request;
        this.#checkKeys(members);
        const first = { description, descriptionRevision: 1n, versions: [1n], emergencies: [] };
        return { ...first, revision, members: new Set(members), deleted: false };
      }),
    updateGroupKey: (request) =>
      this.#change('update', request.groupId, request, (group) => this.#updated(found(group), request)),
    deleteGroupKey: (request) =>
      this.#change('delete', request.groupId, request, (group) => ({ ...found(group), deleted: true })),
    updateGroupDescription: (request) =>
      this.#change('describe', request.description!.groupId, request, (group) => describedAnew(found(group), request)),
    watchGroupKeyEvents: (request, options) => this.events.watch(request, options?.signal),
  };

  /** Of versions that no change of SMF's led to. */
  readonly events = new FakeKeyEvents(
    () => this.away || this.stuck,
    () => [...this.groups].filter(([, { deleted }]) => !deleted).map(([groupId]) => this.#statusOf(groupId)),
  );

  /** CSKMF makes a version of its own accord. */
  rotate(groupId: string): void {
    const group = this.groups.get(groupId)!;
    this.groups.set(groupId, { ...group, versions: [...group.versions, BigInt(group.versions.length + 1)] });
    this.events.tell(groupId);
  }

  readonly ended = new FakeEndedSource();
  readonly certificates = this.ended.certificates;
  /** Verifies as the Server does; each entity has the S of {@link secretOf}. */
  readonly proof: ServerLink['proof'] = {
    verifyProof: async ({ proof: bytes, method, requestDigest, relay, relayCertificateDigest }) => {
      await Promise.resolve();
      if (this.away) throw away();
      if (this.gateways.get(relay)?.equals(relayCertificateDigest) !== true)
        throw new CpnsError('CERTIFICATE_REVOKED', 'ended', { metadata: { certificate: 'relay' } });
      const proof = parseProof(bytes);
      verifyProof(confirmKeyOf(proof.entity), proof, { audience: SMF, method, requestDigest }, Date.now());
      return { entity: proof.entity, user: '', keyId: keyIdBytes(proof.keyId) };
    },
  };

  readonly enrolment: ServerLink['enrolment'] = {
    getGateway: ({ entity }: GetGatewayRequest) => {
      this.asked += 1;
      if (this.away) return Promise.reject(away());
      const certificateDigest = this.gateways.get(entity);
      if (certificateDigest === undefined) return Promise.reject(new CpnsError('NOT_FOUND', 'no such gateway'));
      const times = { enrolledAt: 1n, certificateNotAfter: 2n, undelivered: 0n, retireAt: 0n };
      return Promise.resolve({
        gateway: { entity, certificateDigest, revoked: false, firstSeeds: [], cas: [], ...times },
      });
    },
  };

  /** E of each recipient, sorted. */
  recipients(groupId: string): string[] {
    return [...(this.groups.get(groupId)?.members ?? [])].sort();
  }

  /** The same change again is answered as it was. */
  async #change(
    kind: string,
    groupId: string,
    change: unknown,
    made: (group: KeyedGroup | undefined) => KeyedGroup,
  ): Promise<{ status: GroupKeyStatus }> {
    await this.#gate;
    if (this.away || this.stuck) throw away();
    this.requests.push(`${kind} ${groupId}`);
    if (this.refusal !== undefined) throw this.refusal;
    const known = this.groups.get(groupId);
    const group = isDeepStrictEqual(known?.change, change) ? known! : { ...made(known), change };
    this.groups.set(groupId, group);
    if (this.lose > 0) {
      this.lose -= 1;
      throw away();
    }
    return { status: this.#statusOf(groupId) };
  }

  #statusOf(groupId: string): GroupKeyStatus {
    const group = this.groups.get(groupId)!;
    const state = GroupKeyVersionState.GROUP_KEY_VERSION_STATE_ACTIVE;
    const rest = { state, activateAt: 1n, sealUntil: 2n, madeAt: 1n, recipients: 0, acknowledged: 0, waiting: [] };
    const versions = group.versions.map((version) => ({ version, ...rest }));
    return { groupId, membershipRevision: group.revision, deleted: group.deleted, versions };
  }

  #updated(group: KeyedGroup, request: UpdateGroupKeyRequest): KeyedGroup {
    const { membershipRevision: revision, joined, left, emergency } = request;
    if (group.deleted) throw failedPrecondition('GROUP_DELETED', 'the group was deleted');
    if (revision !== group.revision + 1n) throw new CpnsError('CONFLICT', 'another revision comes next');
    this.#checkKeys(joined);
    const members = new Set([...group.members, ...joined].filter((member) => !left.includes(member)));
    if (this.joinsKeepVersion && left.length === 0) return { ...group, revision, members };
    const version = BigInt(group.versions.length + 1);
    const emergencies = emergency ? [...group.emergencies, version] : group.emergencies;
    return { ...group, revision, members, versions: [...group.versions, version], emergencies };
  }

  #checkKeys(members: readonly string[]): void {
    const entity = members.find((member) => this.withoutKey.has(member));
    if (entity !== undefined)
      throw failedPrecondition('MEMBER_WITHOUT_KEY', 'a member needs a live key', { metadata: { entity } });
  }
}

function describedAnew(
  group: KeyedGroup,
  { description, descriptionRevision }: UpdateGroupDescriptionRequest,
): KeyedGroup {
  if (group.deleted) throw failedPrecondition('GROUP_DELETED', 'the group was deleted');
  if (descriptionRevision <= group.descriptionRevision) return group;
  return { ...group, description, descriptionRevision };
}

function found(group: KeyedGroup | undefined): KeyedGroup {
  if (group === undefined) throw new CpnsError('NOT_FOUND', 'no group of this id');
  return group;
}
