/** Groups from before their standings were authenticated: sets of E, one of members for each PN and two of former members. */
import { inChunks } from '@cpns/core';
import type { Move } from '@cpns/group-key';
import { allMembers, at, emptySet, Records, Store } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { GROUP, groupAggregate } from './groups';
import { invalidStandings, nodePuts, StandingsTree, wantedNodes } from './standings-tree';

const PNS = 'pns';
const AT_ONCE = 500;

@Injectable()
export class AdoptSets {
  constructor(
    private readonly records: Records,
    private readonly store: Store,
  ) {}

  /**
   * Takes the sets of a group over, once. Idempotent.
   * @throws CpnsError STORED_RECORD_INVALID when there are not as many members as the group's record says
   */
  async execute(groupId: string): Promise<void> {
    const aggregate = groupAggregate(groupId);
    const members = (await allMembers(this.store, aggregate, PNS)).map((pn) => `members.${pn}`);
    const sets = [
      { set: 'left', to: 'left' },
      // who was in several counted as a member first, then as removed
      { set: 'removed', to: 'removed' },
      ...members.map((set) => ({ set, to: 'member' as const })),
    ] as const;
    const moves: Pick<Move, 'entity' | 'to'>[] = [];
    for (const { set, to } of sets)
      for (const entity of await allMembers(this.store, aggregate, set)) moves.push({ entity, to });
    const size = moves.filter(({ to }) => to === 'member').length;
    const changed = [...new StandingsTree(0, new Map()).with(moves)];
    // the group's record comes last: until then none of the others counts
    for (const some of [...inChunks(changed, AT_ONCE), []]) {
      const nodes = wantedNodes(some.map(([place]) => place));
      await this.records.transact(aggregate, { ...nodes, group: at(GROUP) }, ({ group }) => {
        if (group === undefined || group.standings !== undefined) return { result: undefined };
        if (group.state !== 'deleted' && group.size !== size) throw invalidStandings();
        const standings = changed.length === 0 ? 0 : 1;
        return { result: undefined, put: some.length > 0 ? nodePuts(some) : { group: { ...group, standings } } };
      });
    }
    for (const set of [...sets.map(({ set }) => set), PNS]) await emptySet(this.store, aggregate, set);
  }
}
