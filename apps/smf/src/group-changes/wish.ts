/** What a call wants of a Service Group: worked out against the group as it stands, and against it alone. */
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
} from '@cpns/group-key';
import type { ChangeFlow } from '../common/change-flow';
import type { Groups } from './groups';
import type { GroupRecord } from './records';

/** What is to be proposed to CSKMF. */
export interface Proposal {
  readonly flow: ChangeFlow;
  /** What the group is until CSKMF answered. */
  readonly group: GroupRecord;
  /** Of the membership after the change. */
  readonly revision: bigint;
  readonly size: number;
  readonly moves: readonly Move[];
}

export type Verdict =
  | { readonly kind: 'propose'; readonly proposal: Proposal }
  /** CSKMF has nothing to do with it; moves are between those that are no members. */
  | { readonly kind: 'settled'; readonly moves: readonly Move[] };

export interface Wish {
  readonly groupId: string;
  /** The flow that it would be. */
  readonly flow: ChangeFlow;
  /** SHA-256 of all that was asked for, in hex. */
  readonly digest: string;
  /** @throws CpnsError when the group does not allow it */
  work(group: GroupRecord | undefined): Promise<Verdict> | Verdict;
}

const digestOf = (...parts: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex');

const stateOf = (group: GroupRecord | undefined): GroupState => group?.state ?? 'absent';

/** FLOW-PULL, FLOW-PUSH: a group with its first members. @param members sorted */
export function creationOf(description: GroupDescription, members: readonly EntityName[]): Wish {
  const { groupId, delivery, maxMembers } = description;
  const entities = members.map(({ uri }) => uri);
  const flow = delivery === 'push' ? 'FLOW-PUSH' : 'FLOW-PULL';
  return {
    groupId,
    flow,
    digest: digestOf('create', description, entities),
    work: (group) => {
      const state = advanceGroup(stateOf(group), 'create');
      const { revision, size, moves } = firstMembership(maxMembers, entities);
      const made = { description, state, revision: 0n, size: 0, keyVersion: 0n };
      return { kind: 'propose', proposal: { flow, group: made, revision, size, moves } };
    },
  };
}

/** GK-UPDATE-M. @param entities sorted */
export function membershipChangeOf(
  groups: Groups,
  groupId: string,
  event: MembershipEvent,
  entities: readonly EntityName[],
): Wish {
  const flow = 'GK-UPDATE-M';
  return {
    groupId,
    flow,
    digest: digestOf(
      event,
      groupId,
      entities.map(({ uri }) => uri),
    ),
    work: async (group) => {
      const present = requireGroup(group, 'change');
      const { description, revision, size } = present;
      const { maxMembers, openToJoin } = description;
      const membership = { revision, size, maxMembers, openToJoin };
      const change = changeMembership(membership, event, await groups.standingsOf(groupId, entities));
      if (change.revision === revision) return { kind: 'settled', moves: change.moves };
      return { kind: 'propose', proposal: { flow, group: present, ...change } };
    },
  };
}

/** GK-DELETE; the end of a group is a revision of its own, with nobody in it. */
export function deletionOf(groupId: string): Wish {
  const flow = 'GK-DELETE';
  return {
    groupId,
    flow,
    digest: digestOf('delete', groupId),
    work: (group) => {
      if (group?.state === 'deleted') return { kind: 'settled', moves: [] };
      const present = requireGroup(group, 'delete');
      const state = advanceGroup(present.state, 'delete');
      const revision = present.revision + 1n;
      return { kind: 'propose', proposal: { flow, group: { ...present, state }, revision, size: 0, moves: [] } };
    },
  };
}

/** @throws CpnsError NOT_FOUND, GROUP_DELETED */
function requireGroup(group: GroupRecord | undefined, event: 'change' | 'delete'): GroupRecord {
  const state = advanceGroup(group?.state ?? 'absent', event);
  // a state that has a successor by these events is that of a group
  if (group === undefined) throw new CpnsError('INTERNAL', `a group that is not there would be ${state}`);
  return group;
}
