/** The parameters of a Service Group that its Group Key depends on (GK-CREATE, GK-UPDATE-T), and what they may be. */
import { checkGroupId, duration, invalidArgument } from '@cpns/core';
import { GRACE_MS } from './statement';

/** How members get a new Group Key: when they need it (GK-PULL), or at once (GK-PUSH). */
export type DeliveryMode = 'pull' | 'push';

export interface GroupDescription {
  readonly groupId: string;
  /** For people. */
  readonly displayName: string;
  readonly delivery: DeliveryMode;
  /** How long members may seal with one version of the Group Key, milliseconds. */
  readonly sealPeriod: number;
  /** How often CSKMF renews the Group Key of its own accord (GK-UPDATE-T), milliseconds; 0 means never. */
  readonly updatePeriod: number;
  /** As many members as the group may have at a time. */
  readonly maxMembers: number;
  /** Whether an entity may join by itself; otherwise only an operator adds members. */
  readonly openToJoin: boolean;
  /** From when a version for joins or by time is made until members seal with it, milliseconds; 0 as the Server is set. */
  readonly activationDelay: number;
  /** Of a group that pushes: for so long who joins gets the version that was made for others, milliseconds; 0 for none. */
  readonly joinWindow: number;
  /** Of a group that pulls: how many versions that are not in use yet there may be at a time; 0 means 1. */
  readonly preparedVersions: number;
  /** Whether who joins gets the version in use, and no new one is made. */
  readonly joinKeepsVersion: boolean;
}

/** What a description has that does not say otherwise. */
export const DESCRIPTION_DEFAULTS = {
  activationDelay: 0,
  joinWindow: 0,
  preparedVersions: 0,
  joinKeepsVersion: false,
} as const satisfies Partial<GroupDescription>;

/** A description that an older release stored may lack what was added since. */
export const completeDescription = (stored: GroupDescription): GroupDescription => ({
  ...DESCRIPTION_DEFAULTS,
  ...stored,
});

type Period = 'sealPeriod' | 'updatePeriod' | 'activationDelay' | 'joinWindow';

/** A description as it was asked for, unchecked. */
export interface DescriptionDraft extends Omit<GroupDescription, Period>, Readonly<Record<Period, bigint>> {}

export const GROUP_LIMITS = {
  /** In characters. */
  displayName: 128,
  /** Milliseconds. A shorter period than the clocks agree to would leave members without a key to seal with. */
  sealPeriodLeast: duration(1, 'second'),
  /** Milliseconds. */
  sealPeriodMost: duration(30, 'day'),
  /** Milliseconds. */
  updatePeriodMost: duration(365, 'day'),
  /** Milliseconds. */
  activationDelayMost: duration(1, 'day'),
  /** Milliseconds. */
  joinWindowMost: duration(1, 'day'),
  preparedVersionsMost: 8,
  maxMembers: 100_000,
  /** What 0 stands for. */
  maxMembersDefault: 1_000,
} as const;

const outOfRange = (field: string, limits: string) =>
  invalidArgument('FIELD_OUT_OF_RANGE', `${field} has to be ${limits}`, { metadata: { field } });

// by code points: what a person counts as characters may be two units of UTF-16
function checkDisplayName(name: string): string {
  const { displayName: limit } = GROUP_LIMITS;
  const length = [...name].length;
  if (length > limit)
    throw invalidArgument('FIELD_TOO_LONG', `display_name has ${length} characters, ${limit} are allowed`, {
      metadata: { field: 'display_name', limit: String(limit) },
    });
  return name;
}

function checkPeriod(period: bigint, field: string, least: number, most: number): number {
  if (period < BigInt(least) || period > BigInt(most)) throw outOfRange(field, `${least} to ${most} milliseconds`);
  return Number(period);
}

function checkMaxMembers(count: number): number {
  const { maxMembers: most, maxMembersDefault } = GROUP_LIMITS;
  if (!Number.isInteger(count) || count < 0 || count > most)
    throw outOfRange('max_members', `1 to ${most}, or 0 for ${maxMembersDefault}`);
  return count === 0 ? maxMembersDefault : count;
}

function checkJoinWindow({ joinWindow, delivery }: DescriptionDraft): number {
  if (joinWindow > 0n && delivery !== 'push') throw outOfRange('join_window', '0 in a group that pulls');
  return checkPeriod(joinWindow, 'join_window', 0, GROUP_LIMITS.joinWindowMost);
}

function checkPreparedVersions({ preparedVersions: count, delivery, updatePeriod }: DescriptionDraft): number {
  const { preparedVersionsMost: most } = GROUP_LIMITS;
  const field = 'prepared_versions';
  if (!Number.isInteger(count) || count < 0 || count > most) throw outOfRange(field, `0 to ${most}`);
  if (count > 0 && delivery !== 'pull') throw outOfRange(field, '0 in a group that pushes');
  if (count > 1 && updatePeriod === 0n) throw outOfRange(field, '0 or 1 in a group without an update period');
  return count;
}

/** How long after it was made a version for joins or by time becomes active. @param serverDelay what 0 stands for, ms */
export const activationDelayOf = (
  { activationDelay }: Pick<GroupDescription, 'activationDelay'>,
  serverDelay: number,
) => activationDelay || serverDelay;

/** A version is made, becomes active, and the one before it has its grace, all before the next; milliseconds. */
export const leastUpdatePeriod = (
  description: Pick<GroupDescription, 'activationDelay'>,
  serverDelay: number,
): number => activationDelayOf(description, serverDelay) + GRACE_MS + 1;

/**
 * @param serverDelay the activation delay of a group that names none, milliseconds
 * @throws CpnsError FIELD_OUT_OF_RANGE for an update period in which a version has no time to become active and to retire
 */
export function requireUpdatePeriod(
  { updatePeriod, activationDelay }: Pick<GroupDescription, 'updatePeriod' | 'activationDelay'>,
  serverDelay: number,
): void {
  const least = leastUpdatePeriod({ activationDelay }, serverDelay);
  const { updatePeriodMost: most } = GROUP_LIMITS;
  if (updatePeriod !== 0 && (updatePeriod < least || updatePeriod > most))
    throw outOfRange('update_period', `${least} to ${most} milliseconds, or 0 for never`);
}

/**
 * The description with its defaults filled in. Where it names no activation delay, the Server checks its update period again.
 * @throws CpnsError FIELD_MISSING, FIELD_TOO_LONG, NAME_INVALID (group_id); FIELD_TOO_LONG (display_name);
 *   FIELD_OUT_OF_RANGE (seal_period, activation_delay, update_period, max_members, join_window, prepared_versions), also for a
 *   setting that a group of the other delivery has
 */
export function checkDescription(draft: DescriptionDraft): GroupDescription {
  const { sealPeriodLeast, sealPeriodMost, activationDelayMost, updatePeriodMost } = GROUP_LIMITS;
  const description = {
    groupId: checkGroupId(draft.groupId, 'group_id'),
    displayName: checkDisplayName(draft.displayName),
    delivery: draft.delivery,
    sealPeriod: checkPeriod(draft.sealPeriod, 'seal_period', sealPeriodLeast, sealPeriodMost),
    updatePeriod: checkPeriod(draft.updatePeriod, 'update_period', 0, updatePeriodMost),
    maxMembers: checkMaxMembers(draft.maxMembers),
    openToJoin: draft.openToJoin,
    activationDelay: checkPeriod(draft.activationDelay, 'activation_delay', 0, activationDelayMost),
    joinWindow: checkJoinWindow(draft),
    preparedVersions: checkPreparedVersions(draft),
    joinKeepsVersion: draft.joinKeepsVersion,
  };
  requireUpdatePeriod(description, 0);
  return description;
}
