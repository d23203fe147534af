/** What a Service Group is (SMF-SRV, GK-CREATE): the parameters that its Group Key depends on, their limits and defaults. */
import { duration, invalidArgument, checkGroupId } from '@cpns/core';

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
}

/** A description as it was asked for, unchecked. */
export interface DescriptionDraft extends Omit<GroupDescription, 'sealPeriod' | 'updatePeriod'> {
  readonly sealPeriod: bigint;
  readonly updatePeriod: bigint;
}

export const GROUP_LIMITS = {
  /** In characters. */
  displayName: 128,
  /** Milliseconds. A shorter period than the clocks agree to would leave members without a key to seal with. */
  sealPeriodLeast: duration(1, 'second'),
  /** Milliseconds. */
  sealPeriodMost: duration(30, 'day'),
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

function checkSealPeriod(period: bigint): number {
  const { sealPeriodLeast: least, sealPeriodMost: most } = GROUP_LIMITS;
  if (period < BigInt(least) || period > BigInt(most))
    throw outOfRange('seal_period', `${least} to ${most} milliseconds`);
  return Number(period);
}

// a renewal by time needs a clock of CSKMF's own for each group (GK-UPDATE-T), which is not there yet
function checkUpdatePeriod(period: bigint): number {
  if (period !== 0n) throw outOfRange('update_period', '0: the key is renewed when members change, not by time');
  return 0;
}

function checkMaxMembers(count: number): number {
  const { maxMembers: most, maxMembersDefault } = GROUP_LIMITS;
  if (!Number.isInteger(count) || count < 0 || count > most)
    throw outOfRange('max_members', `1 to ${most}, or 0 for ${maxMembersDefault}`);
  return count === 0 ? maxMembersDefault : count;
}

/**
 * The description with its defaults filled in.
 * @throws CpnsError FIELD_MISSING, FIELD_TOO_LONG, NAME_INVALID (group_id); FIELD_TOO_LONG (display_name);
 *   FIELD_OUT_OF_RANGE (seal_period, update_period, max_members)
 */
export function checkDescription(draft: DescriptionDraft): GroupDescription {
  return {
    groupId: checkGroupId(draft.groupId, 'group_id'),
    displayName: checkDisplayName(draft.displayName),
    delivery: draft.delivery,
    sealPeriod: checkSealPeriod(draft.sealPeriod),
    updatePeriod: checkUpdatePeriod(draft.updatePeriod),
    maxMembers: checkMaxMembers(draft.maxMembers),
    openToJoin: draft.openToJoin,
  };
}
