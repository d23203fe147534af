/**
 * What SMF keeps of one Service Group, all in one aggregate: its description, its members, the change that is under way,
 * and the outbox from which that change is carried to CSKMF and its notices to the gateways.
 */
import { createHash } from 'node:crypto';
import { CpnsError, type EntityName, inChunks, parseEntityUri, type Reason } from '@cpns/core';
import {
  advanceGroup,
  changeMembership,
  firstMembership,
  type GroupDescription,
  type GroupState,
  type MembershipEvent,
  type Move,
  type Standing,
} from '@cpns/group-key';
import {
  type Aggregate,
  allMembers,
  at,
  defineRecord,
  isEmptySet,
  jsonField,
  listPage,
  optional,
  type PageRequest,
  Records,
  type SetChange,
  Store,
  type ValueIn,
} from '@cpns/store';
import { Injectable } from '@nestjs/common';

/** The flows by which a group changes. */
export type ChangeFlow = 'FLOW-PULL' | 'FLOW-PUSH' | 'GK-UPDATE-M' | 'GK-DELETE';

export const GROUP_KIND = 'service-group';

export const groupAggregate = (groupId: string): Aggregate => ({ kind: GROUP_KIND, id: groupId });

/** The change that led to the present revision, for its notices. */
interface LastChange {
  readonly flow: ChangeFlow;
  /** W3C trace context of the step that made it so. */
  readonly traceparent: string;
  /** The pn-ids of those that were members until then: gateways of their PNs hear of it, also where no member is left. */
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
const setOf = (standing: Standing, pnId: string): string | undefined => {
  if (standing === 'stranger') return undefined;
  return standing === 'member' ? membersSet(pnId) : formerSet(standing);
};

const pnOf = (entity: string): string => parseEntityUri(entity).pnId;

/** The pn-ids of those that are members no more, each once. */
export const pnsOf = (entities: readonly string[]): string[] => [...new Set(entities.map(pnOf))];

/**
 * What the moves change in the sets, at most two items for each: an entity that comes back has a PN that is known already,
 * and a stranger leaves no set.
 */
export function setChanges(moves: readonly Move[]): {
  readonly addTo: readonly SetChange[];
  readonly removeFrom: readonly SetChange[];
} {
  const memberOf = (standing: (move: Move) => Standing) =>
    moves.flatMap((move) => {
      const set = setOf(standing(move), pnOf(move.entity));
      return set === undefined ? [] : [{ set, member: move.entity }];
    });
  const pns = pnsOf(moves.filter(({ from }) => from === 'stranger').map(({ entity }) => entity));
  const addTo = [...memberOf(({ to }) => to), ...pns.map((pn) => ({ set: PNS, member: pn }))];
  return { addTo, removeFrom: memberOf(({ from }) => from) };
}

/** A group with members as they were at one moment. */
export interface GroupSnapshot {
  readonly group: ServiceGroupRecord;
  /** E of each, sorted. */
  readonly members: readonly string[];
}

/** Members come in pages: a change in between means to begin again, which a group that changes all the time may spoil. */
const ATTEMPTS_MAX = 10;
/** PNs read side by side. */
const AT_ONCE = 32;

/** Service Groups as they stand. Their members are sets, one for each Personal Network: a gateway is told of those of its own. */
@Injectable()
export class Groups {
  constructor(
    private readonly records: Records,
    private readonly store: Store,
  ) {}

  /** Also one that was deleted, or is only being made. */
  async find(groupId: string): Promise<ServiceGroupRecord | undefined> {
    return (await this.records.read(groupAggregate(groupId), { group: at(GROUP) })).group;
  }

  /** A page of what {@link find} finds. @throws CpnsError FIELD_OUT_OF_RANGE, PAGE_TOKEN_INVALID */
  async list(request: PageRequest): Promise<{ readonly found: readonly ServiceGroupRecord[]; readonly next: string }> {
    const { items, next } = await listPage(this.store, GROUP_KIND, request);
    const found = await Promise.all(items.map((groupId) => this.find(groupId)));
    return { found: found.filter((group) => group !== undefined), next };
  }

  /** Whether any member is of that PN. */
  async hasMembers(groupId: string, pnId: string): Promise<boolean> {
    return !(await isEmptySet(this.store, groupAggregate(groupId), membersSet(pnId)));
  }

  /**
   * A group with all its members, or with those of one PN; of a group that was deleted there are none.
   * @returns undefined for a group that is not there, or is only being made
   * @throws CpnsError CONFLICT when changes are always faster; DEPENDENCY_UNAVAILABLE
   */
  async snapshot(groupId: string, pnId?: string): Promise<GroupSnapshot | undefined> {
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      const group = await this.find(groupId);
      if (group === undefined || group.state === 'creating') return undefined;
      if (group.state === 'deleted') return { group, members: [] };
      const members = await this.membersIn(groupId, pnId);
      if ((await this.find(groupId))?.revision === group.revision) return { group, members };
    }
    throw new CpnsError('CONFLICT', 'the members of the Service Group change all the time: try again');
  }

  private async membersIn(groupId: string, pnId: string | undefined): Promise<string[]> {
    const aggregate = groupAggregate(groupId);
    const pns = pnId === undefined ? await allMembers(this.store, aggregate, PNS) : [pnId];
    const members: string[] = [];
    for (const some of inChunks(pns, AT_ONCE)) {
      const found = await Promise.all(some.map((pn) => allMembers(this.store, aggregate, membersSet(pn))));
      for (const list of found) for (const member of list) members.push(member);
    }
    return members.sort();
  }
}

/** What is to be proposed to CSKMF. */
interface Proposal {
  readonly flow: ChangeFlow;
  /** The group until CSKMF answered. */
  readonly group: ServiceGroupRecord;
  /** Of the membership after the change. */
  readonly revision: bigint;
  readonly size: number;
  readonly moves: readonly Move[];
}

type Plan =
  | { readonly kind: 'propose'; readonly proposal: Proposal }
  /** No Group Key changes; moves are between those that are no members. */
  | { readonly kind: 'settled'; readonly moves: readonly Move[] };

/** What a call asks of a Service Group, and the plan that follows from the group as it stands. */
export interface ChangeRequest {
  readonly groupId: string;
  readonly flow: ChangeFlow;
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
      const made = { description, state, revision: 0n, size: 0, keyVersion: 0n };
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
