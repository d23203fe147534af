/** What the SMF and the CPNS Server answer about groups, in the stable words of JSON output. */
import {
  GroupKeyDeliveryMode,
  GroupKeyVersionState,
  type GroupKeyStatus,
  type GroupKeyVersionInfo,
  type ServiceGroup,
} from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import { word } from '../describe';
import { isoTime } from '../values';

/** How members get a new Group Key, as an option names it. */
export const DELIVERY_MODES = {
  pull: GroupKeyDeliveryMode.GROUP_KEY_DELIVERY_MODE_PULL,
  push: GroupKeyDeliveryMode.GROUP_KEY_DELIVERY_MODE_PUSH,
} as const;
export type DeliveryMode = keyof typeof DELIVERY_MODES;

const MODE_NAMES: Readonly<Partial<Record<GroupKeyDeliveryMode, DeliveryMode>>> = {
  [GroupKeyDeliveryMode.GROUP_KEY_DELIVERY_MODE_PULL]: 'pull',
  [GroupKeyDeliveryMode.GROUP_KEY_DELIVERY_MODE_PUSH]: 'push',
};

const VERSION_STATES: Readonly<Partial<Record<GroupKeyVersionState, string>>> = {
  [GroupKeyVersionState.GROUP_KEY_VERSION_STATE_PREPARED]: 'prepared',
  [GroupKeyVersionState.GROUP_KEY_VERSION_STATE_ACTIVE]: 'active',
  [GroupKeyVersionState.GROUP_KEY_VERSION_STATE_GRACE]: 'grace',
  [GroupKeyVersionState.GROUP_KEY_VERSION_STATE_RETIRED]: 'retired',
};

/** A group without its members. */
export interface GroupSummary {
  readonly groupId: string;
  readonly displayName: string | null;
  readonly delivery: string;
  /** Milliseconds that members may seal with one version. */
  readonly sealPeriod: number;
  readonly maxMembers: number;
  readonly openToJoin: boolean;
  readonly membershipRevision: number;
  readonly deleted: boolean;
}

export interface GroupAnswer extends GroupSummary {
  /** E of each, in the order of their names. */
  readonly members: readonly string[];
}

export function summarizeGroup({ description, membershipRevision, deleted }: ServiceGroup): GroupSummary {
  if (description === undefined) throw new CpnsError('INTERNAL', 'the SMF answered without the description of a group');
  const { groupId, displayName, delivery, sealPeriod, maxMembers, openToJoin } = description;
  return {
    groupId,
    displayName: displayName === '' ? null : displayName,
    delivery: word(MODE_NAMES, delivery),
    sealPeriod: Number(sealPeriod),
    maxMembers,
    openToJoin,
    membershipRevision: Number(membershipRevision),
    deleted,
  };
}

/** @throws CpnsError INTERNAL for an answer that lacks the group */
export function describeGroup(group: ServiceGroup | undefined): GroupAnswer {
  if (group === undefined) throw new CpnsError('INTERNAL', 'the SMF answered without the group');
  return { ...summarizeGroup(group), members: [...group.members].sort() };
}

export interface VersionAnswer {
  readonly version: number;
  readonly state: string;
  readonly activateAt: string | null;
  readonly sealUntil: string | null;
}

/** The versions of a group's key, the newest first. */
export interface VersionsAnswer {
  readonly groupId: string;
  readonly membershipRevision: number;
  readonly deleted: boolean;
  readonly versions: readonly VersionAnswer[];
}

const describeVersion = ({ version, state, activateAt, sealUntil }: GroupKeyVersionInfo): VersionAnswer => ({
  version: Number(version),
  state: word(VERSION_STATES, state),
  activateAt: isoTime(activateAt),
  sealUntil: isoTime(sealUntil),
});

/** @throws CpnsError INTERNAL for an answer that lacks the status */
export function describeVersions(status: GroupKeyStatus | undefined): VersionsAnswer {
  if (status === undefined) throw new CpnsError('INTERNAL', 'the Server answered without the status');
  const { groupId, membershipRevision, deleted, versions } = status;
  return {
    groupId,
    membershipRevision: Number(membershipRevision),
    deleted,
    versions: versions.map(describeVersion).sort((a, b) => b.version - a.version),
  };
}
