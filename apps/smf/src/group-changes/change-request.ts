/** What a call asks of a Service Group, and the plan that follows from the group as it stands. */
import { createHash } from 'node:crypto';
import { CpnsError, type EntityName } from '@cpns/core';
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
import type { ChangeFlow } from '../common/change-flow';
import type { ServiceGroupRecord } from './records';

/** What is to be proposed to CSKMF. */
export interface Proposal {
  readonly flow: ChangeFlow;
  /** The group until CSKMF answered. */
  readonly group: ServiceGroupRecord;
  /** Of the membership after the change. */
  readonly revision: bigint;
  readonly size: number;
  readonly moves: readonly Move[];
}

export type Plan =
  | { readonly kind: 'propose'; readonly proposal: Proposal }
  /** No Group Key changes; moves are between those that are no members. */
  | { readonly kind: 'settled'; readonly moves: readonly Move[] };

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
