/** Service Groups as they stand. Their members are sets, one for each Personal Network: a gateway is told of those of its own. */
import { CpnsError, parseEntityUri, inChunks } from '@cpns/core';
import { at, listPage, Records, Store, type PageRequest, type SetChange, allMembers, isEmptySet } from '@cpns/store';
import type { Move, Standing } from '@cpns/group-key';
import { Injectable } from '@nestjs/common';
import { GROUP, GROUP_KIND, groupAggregate, membersSet, PNS, setOf, type ServiceGroupRecord } from './records';

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
