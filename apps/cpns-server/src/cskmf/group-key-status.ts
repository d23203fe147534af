/** What may be known of a Group Key: everything but the key. */
import {
  GroupKeyVersionState,
  type GetGroupKeyStatusRequest,
  type GroupKeyStatus,
  type GroupKeyVersionInfo,
} from '@cpns/contracts';
import { checkGroupId, Clock, parseEntityUri, permissionDenied, type EntityName } from '@cpns/core';
import type { VersionState } from '@cpns/group-key';
import { ServiceIdentity } from '@cpns/platform';
import { at, Records } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { MemberKeys } from './recipients';
import { RecipientCounts, type Counted } from './recipient-counts';
import {
  GROUP,
  groupAggregate,
  groupUnknown,
  RECIPIENT,
  recipientName,
  RETIRED_VERSIONS,
  stateOf,
  type GroupKeyVersion,
  type KeyedGroupRecord,
  type RetiredVersion,
} from './records';
import { isGiven, ofLife } from './spans';

const WIRE: Readonly<Record<VersionState, GroupKeyVersionState>> = {
  prepared: GroupKeyVersionState.GROUP_KEY_VERSION_STATE_PREPARED,
  active: GroupKeyVersionState.GROUP_KEY_VERSION_STATE_ACTIVE,
  grace: GroupKeyVersionState.GROUP_KEY_VERSION_STATE_GRACE,
  retired: GroupKeyVersionState.GROUP_KEY_VERSION_STATE_RETIRED,
};

const UNCOUNTED: Counted = { recipients: 0, acknowledged: 0, waiting: [] };
/** As many gateways are named as wait for a version. */
const WAITING_MAX = 100;

function infoOf(
  { version, activateAt, sealUntil, madeAt = 0 }: RetiredVersion,
  state: VersionState,
  { recipients, acknowledged, waiting } = UNCOUNTED,
): GroupKeyVersionInfo {
  const times = { activateAt: BigInt(activateAt), sealUntil: BigInt(sealUntil), madeAt: BigInt(madeAt) };
  return { version, state: WIRE[state], ...times, recipients, acknowledged, waiting: waiting.slice(0, WAITING_MAX) };
}

/** @param counted by version, where it was asked for */
function statusOf(
  group: KeyedGroupRecord,
  retired: readonly RetiredVersion[],
  now: number,
  counted: ReadonlyMap<bigint, Counted> = new Map(),
): GroupKeyStatus {
  const { description, membershipRevision, deletedAt } = group;
  return {
    groupId: description.groupId,
    versions: [
      ...retired.map((version) => infoOf(version, 'retired')),
      ...group.versions.map((version) => infoOf(version, stateOf(group, version, now), counted.get(version.version))),
    ],
    membershipRevision,
    deleted: deletedAt !== undefined,
  };
}

@Injectable()
export class GetGroupKeyStatus {
  constructor(
    private readonly own: ServiceIdentity,
    private readonly records: Records,
    private readonly keys: MemberKeys,
    private readonly counts: RecipientCounts,
    private readonly clock: Clock,
  ) {}

  /** @throws CpnsError a field's reason; TRUST_DOMAIN; NOT_FOUND; DEPENDENCY_UNAVAILABLE */
  async execute({ groupId: asked, entity, withRecipients }: GetGroupKeyStatusRequest) {
    const groupId = checkGroupId(asked, 'group_id');
    const name = entity === '' ? undefined : this.#entityOf(entity);
    const { head, retired } = await this.#read(groupId);
    if (head === undefined) throw groupUnknown();
    const now = this.clock.now();
    const inUse = head.versions.filter((version) => stateOf(head, version, now) !== 'retired');
    const counted = withRecipients ? await this.counts.of(head, inUse) : undefined;
    const given = name === undefined ? [] : await this.#given(groupId, inUse, name);
    return { status: statusOf(head, retired?.versions ?? [], now, counted), given };
  }

  /** @throws CpnsError NOT_FOUND; DEPENDENCY_UNAVAILABLE */
  async of(groupId: string): Promise<GroupKeyStatus> {
    const status = await this.find(groupId);
    if (status === undefined) throw groupUnknown();
    return status;
  }

  /** Undefined for a group that CSKMF does not know. @throws CpnsError DEPENDENCY_UNAVAILABLE */
  async find(groupId: string): Promise<GroupKeyStatus | undefined> {
    const { head, retired } = await this.#read(groupId);
    return head && statusOf(head, retired?.versions ?? [], this.clock.now());
  }

  #read(groupId: string) {
    return this.records.read(groupAggregate(groupId), { head: at(GROUP), retired: at(RETIRED_VERSIONS) });
  }

  #entityOf(entity: string): EntityName {
    const name = parseEntityUri(entity, 'entity');
    if (name.trustDomain !== this.own.trustDomain)
      throw permissionDenied('TRUST_DOMAIN', `this Server serves ${this.own.trustDomain} only`, {
        metadata: { entity },
      });
    return name;
  }

  /** What a pull of that entity would be answered with. */
  async #given(groupId: string, inUse: readonly GroupKeyVersion[], name: EntityName): Promise<bigint[]> {
    const wanted = { recipient: at(RECIPIENT, recipientName(name.uri)) };
    const { recipient } = await this.records.read(groupAggregate(groupId), wanted);
    const { key, life } = await this.keys.standingOf(name);
    if (key === undefined) return [];
    key.secret.destroy();
    const spans = ofLife(recipient?.spans ?? [], life);
    return inUse.map(({ version }) => version).filter((version) => isGiven(spans, version));
  }
}
