/** The versions of a group as data: how one comes to be, where it stands, what may be known of it. */
import { GroupKeyVersionState, type GroupKeyStatus } from '@cpns/contracts';
import { versionState, type VersionState } from '@cpns/group-key';
import type { GroupKeyVersion, KeyedGroupRecord } from './records';

const WIRE: Readonly<Record<VersionState, GroupKeyVersionState>> = {
  prepared: GroupKeyVersionState.GROUP_KEY_VERSION_STATE_PREPARED,
  active: GroupKeyVersionState.GROUP_KEY_VERSION_STATE_ACTIVE,
  grace: GroupKeyVersionState.GROUP_KEY_VERSION_STATE_GRACE,
  retired: GroupKeyVersionState.GROUP_KEY_VERSION_STATE_RETIRED,
};

type RetiredVersion = Omit<GroupKeyVersion, 'commitment'>;

/** How long members may seal with a version: a period of the group from when it is stated, or from when they begin. */
export const sealUntilOf = ({ description }: Pick<KeyedGroupRecord, 'description'>, activateAt: number, now: number) =>
  Math.max(activateAt, now) + description.sealPeriod;

/** Where a version that the head lists stands. @param now Unix milliseconds */
export function stateOf(group: KeyedGroupRecord, { version, activateAt }: GroupKeyVersion, now: number): VersionState {
  const successor = group.versions.find(({ previous }) => previous === version);
  return versionState({ activateAt, successorActivateAt: successor?.activateAt, deletedAt: group.deletedAt }, now);
}

/** Those that the head lists still, and that no member opens with any more: to be destroyed. */
export const overdue = (group: KeyedGroupRecord, now: number): readonly GroupKeyVersion[] =>
  group.versions.filter((version) => stateOf(group, version, now) === 'retired');

/** The lowest number that is still in use, or the one after the newest. */
export const oldestInUse = (group: KeyedGroupRecord, now: number): bigint =>
  group.versions.find((version) => stateOf(group, version, now) !== 'retired')?.version ?? group.newest + 1n;

/**
 * True when the newest version's statement ought to be renewed: less than half of its seal period is left. So a group
 * whose membership stays can go on sealing, each time with a bound that is as near as the operator wanted it.
 */
export const needsRenewal = (group: KeyedGroupRecord, { version, sealUntil }: GroupKeyVersion, now: number): boolean =>
  version === group.newest && sealUntil - now < group.description.sealPeriod / 2;

/** As GetGroupKeyStatus shows them. */
export function statusOf(group: KeyedGroupRecord, retired: readonly RetiredVersion[], now: number): GroupKeyStatus {
  const { description, membershipRevision, deletedAt } = group;
  const info = ({ version, activateAt, sealUntil }: RetiredVersion, state: VersionState) => ({
    version,
    state: WIRE[state],
    activateAt: BigInt(activateAt),
    sealUntil: BigInt(sealUntil),
  });
  return {
    groupId: description.groupId,
    versions: [
      ...retired.map((version) => info(version, 'retired')),
      ...group.versions.map((version) => info(version, stateOf(group, version, now))),
    ],
    membershipRevision,
    deleted: deletedAt !== undefined,
  };
}
