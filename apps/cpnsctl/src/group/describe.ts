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
  /** Milliseconds; 0 for never. */
  readonly updatePeriod: number;
  /** Milliseconds; 0 for as the CPNS Server is set. */
  readonly activationDelay: number;
  /** Milliseconds; 0 for no time. */
  readonly joinWindow: number;
  readonly preparedVersions: number;
  readonly joinKeepsVersion: boolean;
  readonly maxMembers: number;
  readonly openToJoin: boolean;
  readonly membershipRevision: number;
  /** Of the parameters. */
  readonly descriptionRevision: number;
  readonly deleted: boolean;
}

export interface GroupAnswer extends GroupSummary {
  /** E of each, in the order of their names. */
  readonly members: readonly string[];
  /** E of each whose place is kept while its right rests. */
  readonly suspended: readonly string[];
}

export function summarizeGroup(group: ServiceGroup): GroupSummary {
  const { description, membershipRevision, descriptionRevision, deleted } = group;
  if (description === undefined) throw new CpnsError('INTERNAL', 'the SMF answered without the description of a group');
  const { groupId, displayName, delivery, maxMembers, openToJoin, preparedVersions, joinKeepsVersion } = description;
  return {
    groupId,
    displayName: displayName === '' ? null : displayName,
    delivery: word(MODE_NAMES, delivery),
    sealPeriod: Number(description.sealPeriod),
    updatePeriod: Number(description.updatePeriod),
    activationDelay: Number(description.activationDelay),
    joinWindow: Number(description.joinWindow),
    preparedVersions,
    joinKeepsVersion,
    maxMembers,
    openToJoin,
    membershipRevision: Number(membershipRevision),
    descriptionRevision: Number(descriptionRevision),
    deleted,
  };
}

/** @throws CpnsError INTERNAL for an answer that lacks the group */
export function describeGroup(group: ServiceGroup | undefined): GroupAnswer {
  if (group === undefined) throw new CpnsError('INTERNAL', 'the SMF answered without the group');
  return { ...summarizeGroup(group), members: [...group.members].sort(), suspended: [...group.suspended].sort() };
}

export interface VersionAnswer {
  readonly version: number;
  readonly state: string;
  readonly madeAt: string | null;
  readonly activateAt: string | null;
  readonly sealUntil: string | null;
  /** How many entities it is given to. */
  readonly recipients: number;
  /** How many gateways have acknowledged it, in a group that pushes. */
  readonly acknowledged: number;
  /** E of each gateway that has not, the first 100. */
  readonly waiting: readonly string[];
}

/** The versions of a group's key, the newest first. */
export interface VersionsAnswer {
  readonly groupId: string;
  readonly membershipRevision: number;
  readonly deleted: boolean;
  readonly versions: readonly VersionAnswer[];
}

const describeVersion = (info: GroupKeyVersionInfo): VersionAnswer => ({
  version: Number(info.version),
  state: word(VERSION_STATES, info.state),
  madeAt: isoTime(info.madeAt),
  activateAt: isoTime(info.activateAt),
  sealUntil: isoTime(info.sealUntil),
  recipients: info.recipients,
  acknowledged: info.acknowledged,
  waiting: info.waiting,
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
