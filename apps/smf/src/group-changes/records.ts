/**
 * What SMF keeps of one Service Group, all in one aggregate: its description, its members, the change that is under way,
 * and the outbox from which that change is carried to CSKMF and its notices to the gateways.
 */
import type { Reason } from '@cpns/core';
import { defineRecord, jsonField, optional, type ValueIn, type Aggregate } from '@cpns/store';
import type { GroupDescription, GroupState, Move, Standing } from '@cpns/group-key';
import type { ChangeFlow } from '../common/change-flow';

export const GROUP_KIND = 'service-group';

export const groupAggregate = (groupId: string): Aggregate => ({ kind: GROUP_KIND, id: groupId });

/** The change that led to the present revision, for its notices. */
export interface LastChange {
  readonly flow: ChangeFlow;
  /** W3C trace context of the step that made it so. */
  readonly traceparent: string;
  /** The pn-ids of those that were members until then: gateways of their PNs hear of it although nobody is left there. */
  readonly pnsLeft: readonly string[];
}

export const GROUP = defineRecord('group', {
  description: jsonField<GroupDescription>(),
  state: jsonField<GroupState>(),
  /** Of the membership; 0 while the group is being made. */
  revision: jsonField<bigint>(),
  /** How many members there are. */
  size: jsonField<number>(),
  /** Of the Group Key that serves this revision; 0 while the group is being made. */
  keyVersion: jsonField<bigint>(),
  lastChange: optional(jsonField<LastChange>()),
});
export type ServiceGroupRecord = ValueIn<typeof GROUP>;

/**
 * The one change that was proposed and that CSKMF has not answered yet. It is what the call asked for, worked out: it is
 * carried through as it stands, by whichever replica and however often.
 */
export const PENDING = defineRecord('pending', {
  /** 32 hexadecimal digits. */
  changeId: jsonField<string>(),
  /** SHA-256 of what the call asked for, in hex: an identical call waits for the same change. */
  wish: jsonField<string>(),
  flow: jsonField<ChangeFlow>(),
  /** Of the membership after the change. */
  revision: jsonField<bigint>(),
  size: jsonField<number>(),
  moves: jsonField<readonly Move[]>(),
  /** W3C trace context of the call that proposed it. */
  traceparent: jsonField<string>(),
});
export type PendingRecord = ValueIn<typeof PENDING>;

/** Why a change was taken back, for the calls that wait for it. Ends by itself. */
export const REFUSAL = defineRecord('refusal', {
  reason: jsonField<Reason>(),
  message: jsonField<string>(),
  metadata: jsonField<Readonly<Record<string, string>>>(),
});

export const refusalName = (changeId: string): string => `refusal.${changeId}`;

/** The set of the E of one Personal Network that are members. */
export const membersSet = (pnId: string): string => `members.${pnId}`;
/** The set of the pn-ids that have, or had, such a set. */
export const PNS = 'pns';
/** The sets of the E that were members: those that left by themselves, and those that an operator removed. */
export const formerSet = (standing: 'left' | 'removed'): string => standing;

/** The set that holds an entity of that standing; a stranger is in none. */
export const setOf = (standing: Standing, pnId: string): string | undefined => {
  if (standing === 'stranger') return undefined;
  return standing === 'member' ? membersSet(pnId) : formerSet(standing);
};
