/**
 * What SMF keeps of one Service Group, all in one aggregate: its description, the tree of its members' standings, the change
 * that is under way, and the outbox from which that change is carried to CSKMF and its notices to the gateways.
 */
import { createHash } from 'node:crypto';
import { CpnsError, type EntityName, failedPrecondition, parseEntityUri, type Reason } from '@cpns/core';
import {
  advanceGroup,
  changeMembership,
  completeDescription,
  firstMembership,
  type GroupDescription,
  type GroupState,
  type MembershipEvent,
  type Move,
  type RightEvent,
  type Standing,
} from '@cpns/group-key';
import { type Aggregate, defineRecord, jsonField, optional, type ValueIn } from '@cpns/store';
import { withinStep } from '@cpns/telemetry';

/** The flows by which a group changes at SMF's request. */
export type ChangeFlow = 'FLOW-PULL' | 'FLOW-PUSH' | 'GK-UPDATE-M' | 'GK-DELETE';

/** `parameters`: of the description, which is in no flow of the source. */
export type ChangeKind = ChangeFlow | 'parameters';

/** Does the work of a step of a change, which is in no flow where parameters change. */
export const withinChangeStep = <T>(flow: ChangeKind, step: 1 | 6, work: () => T): T =>
  flow === 'parameters' ? work() : withinStep({ flow, step }, work);

export const GROUP_KIND = 'service-group';

export const groupAggregate = (groupId: string): Aggregate => ({ kind: GROUP_KIND, id: groupId });

/** What led to the present revision and version, for their notices. */
interface LastChange {
  readonly flow: ChangeFlow | 'GK-UPDATE-T';
  /** W3C trace context of the step that made it so. */
  readonly traceparent: string;
  /** The pn-ids of those that were members until that revision: gateways of their PNs hear of it, also where no member is left. */
  readonly pnsLeft: readonly string[];
}

export const GROUP = defineRecord('group', {
  description: jsonField<GroupDescription>(completeDescription),
  /** Of the description, rises by one with each change of it; 1 where it is absent. */
  descriptionRevision: optional(jsonField<bigint>()),
  state: jsonField<GroupState>(),
  /** Of the membership; 0 while the group is being made. */
  revision: jsonField<bigint>(),
  /** How many members there are. */
  size: jsonField<number>(),
  /** The newest of the Group Key, as far as is known; 0 while the group is being made. */
  keyVersion: jsonField<bigint>(),
  lastChange: optional(jsonField<LastChange>()),
  /** Version of the tree of standings; absent in a group from before there was one. */
  standings: optional(jsonField<number>()),
});
export type ServiceGroupRecord = ValueIn<typeof GROUP>;

export const descriptionRevisionOf = ({ descriptionRevision }: ServiceGroupRecord): bigint => descriptionRevision ?? 1n;

/**
 * The one change that was proposed and that CSKMF has not answered yet. It is what the call asked for, worked out: it is
 * carried through as it stands, by whichever replica and however often.
 */
export const PENDING = defineRecord('pending', {
  /** 32 hexadecimal digits. */
  changeId: jsonField<string>(),
  /** SHA-256 of what the call asked for, in hex: an identical call waits for the same change. */
  wish: jsonField<string>(),
  flow: jsonField<ChangeKind>(),
  /** Of the membership after the change. */
  revision: jsonField<bigint>(),
  size: jsonField<number>(),
  moves: jsonField<readonly Move[]>(),
  /** Where it follows from what happened to the right of each that moves. */
  cause: optional(jsonField<RightEvent>()),
  /** True once CSKMF may have been asked: what is said of these rights later comes after the change. */
  asked: optional(jsonField<boolean>()),
  /** True where no older version of the Group Key may open any more. */
  emergency: optional(jsonField<boolean>()),
  /** The newest version when it was proposed: who leaves leads to a newer one. */
  keyVersion: optional(jsonField<bigint>()),
  /** After a change of parameters. */
  description: optional(jsonField<GroupDescription>()),
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

const pnOf = (entity: string): string => parseEntityUri(entity).pnId;

/** The pn-ids of those entities, each once. */
export const pnsOf = (entities: readonly string[]): string[] => [...new Set(entities.map(pnOf))];

/** What is to be proposed to CSKMF. */
interface Proposal extends Pick<
  PendingRecord,
  'flow' | 'revision' | 'size' | 'moves' | 'cause' | 'emergency' | 'description'
> {
  /** The group until CSKMF answered. */
  readonly group: ServiceGroupRecord;
}

type Plan =
  | { readonly kind: 'propose'; readonly proposal: Proposal }
  /** No Group Key changes; moves are between those that are no members. */
  | { readonly kind: 'settled'; readonly moves: readonly Move[] };

/** What a call asks of a Service Group, and the plan that follows from the group as it stands. */
export interface ChangeRequest {
  readonly groupId: string;
  readonly flow: ChangeKind;
  /** It is proposed also while CSKMF is not there to grant it, and made once it is back. */
  readonly evenWithoutCskmf?: boolean;
  /** SHA-256 of all that was asked for, in hex. */
  readonly digest: string;
  /** Those on whose standing the plan depends. */
  readonly entities: readonly EntityName[];
  /** @throws CpnsError when the group does not allow it */
  plan(group: ServiceGroupRecord | undefined, standingOf: (entity: string) => Standing): Plan;
}

const digestOf = (...parts: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex');

const stateOf = (group: ServiceGroupRecord | undefined): GroupState => group?.state ?? 'absent';

/** FLOW-PULL, FLOW-PUSH: a group with its first members. @param members sorted */
export function creationOf(description: GroupDescription, members: readonly EntityName[]): ChangeRequest {
  const { groupId, delivery, maxMembers } = description;
  const uris = members.map(({ uri }) => uri);
  const flow = delivery === 'push' ? 'FLOW-PUSH' : 'FLOW-PULL';
  return {
    groupId,
    flow,
    digest: digestOf('create', description, uris),
    entities: [],
    plan: (group) => {
      const state = advanceGroup(stateOf(group), 'create');
      const { revision, size, moves } = firstMembership(maxMembers, uris);
      const made = { description, state, revision: 0n, size: 0, keyVersion: 0n, standings: 0 };
      return { kind: 'propose', proposal: { flow, group: made, revision, size, moves } };
    },
  };
}

/** GK-UPDATE-M. @param entities sorted */
export function membershipChangeOf(
  groupId: string,
  event: MembershipEvent,
  entities: readonly EntityName[],
): ChangeRequest {
  const flow = 'GK-UPDATE-M';
  const uris = entities.map(({ uri }) => uri);
  return {
    groupId,
    flow,
    digest: digestOf(event, groupId, uris),
    entities,
    plan: (group, standingOf) => {
      const present = requireGroup(group, 'change');
      const { description, revision, size } = present;
      const { maxMembers, openToJoin } = description;
      const standings = new Map(uris.map((uri) => [uri, standingOf(uri)]));
      const change = changeMembership({ revision, size, maxMembers, openToJoin }, event, standings);
      if (change.revision === revision) return { kind: 'settled', moves: change.moves };
      return { kind: 'propose', proposal: { flow, group: present, ...change } };
    },
  };
}

/** A change that follows from what happened to the right of its members. */
export interface RightChange {
  readonly event: RightEvent;
  /** Messages under way still open for the minute of grace. */
  readonly keepGrace: boolean;
}

/** GK-UPDATE-M. A group that is not there, or was deleted, has nothing to change. @param entities sorted */
export function rightChangeOf(
  groupId: string,
  { event, keepGrace }: RightChange,
  entities: readonly EntityName[],
): ChangeRequest {
  const emergency = event !== 'resume' && !keepGrace;
  const change = membershipChangeOf(groupId, event, entities);
  return {
    ...change,
    digest: digestOf(event, groupId, change.digest, emergency),
    evenWithoutCskmf: true,
    plan: (group, standingOf) => {
      if (group === undefined || group.state === 'deleted') return { kind: 'settled', moves: [] };
      const planned = change.plan(group, standingOf);
      if (planned.kind === 'settled') return planned;
      return { kind: 'propose', proposal: { ...planned.proposal, cause: event, emergency } };
    },
  };
}

/**
 * Changes parameters of a group that is there.
 * @param expected the revision of the description that the change is made on
 * @param changed the description after the change @throws CpnsError of its plan: REVISION_STALE, and what `changed` throws
 */
export function parameterChangeOf(
  groupId: string,
  expected: bigint,
  asked: readonly unknown[],
  changed: (description: GroupDescription) => GroupDescription,
): ChangeRequest {
  const flow = 'parameters';
  return {
    groupId,
    flow,
    digest: digestOf(flow, groupId, String(expected), asked),
    entities: [],
    plan: (group) => {
      const present = requireGroup(group, 'change');
      if (descriptionRevisionOf(present) !== expected)
        throw failedPrecondition('REVISION_STALE', 'the description was changed since: look at it, and ask again', {
          metadata: { description_revision: String(descriptionRevisionOf(present)) },
        });
      const { revision, size } = present;
      const description = changed(present.description);
      return { kind: 'propose', proposal: { flow, group: present, revision, size, moves: [], description } };
    },
  };
}

/** GK-DELETE; the end of a group is a revision of its own, without members. */
export function deletionOf(groupId: string): ChangeRequest {
  const flow = 'GK-DELETE';
  return {
    groupId,
    flow,
    digest: digestOf('delete', groupId),
    entities: [],
    plan: (group) => {
      if (group?.state === 'deleted') return { kind: 'settled', moves: [] };
      const present = requireGroup(group, 'delete');
      const state = advanceGroup(present.state, 'delete');
      const revision = present.revision + 1n;
      return { kind: 'propose', proposal: { flow, group: { ...present, state }, revision, size: 0, moves: [] } };
    },
  };
}

/** @throws CpnsError NOT_FOUND, GROUP_DELETED */
function requireGroup(group: ServiceGroupRecord | undefined, event: 'change' | 'delete'): ServiceGroupRecord {
  const state = advanceGroup(stateOf(group), event);
  // a state that has a successor by these events is that of a group
  if (group === undefined) throw new CpnsError('INTERNAL', `a group that is not there would be ${state}`);
  return group;
}
