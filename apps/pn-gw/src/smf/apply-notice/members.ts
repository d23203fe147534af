/** Which members a group has here, and which groups an entity is in: two views that a notice brings up to date. */
import type { Envelopes } from '../../cskmf/envelopes';
import type { GatewayContext } from '../../context';
import { allMembers, forEach, inChunks } from '../../groups/paging';
import { groupAggregate, GROUPS_SET, memberAggregate, MEMBERS_SET } from '../../records/group-records';

const CHUNK = 1_000;

export class Members {
  constructor(
    private readonly gateway: GatewayContext,
    private readonly envelopes: Envelopes,
  ) {}

  /**
   * Makes these the members, and takes the envelopes of those who left. Each part is the same when done twice, and the
   * group's own list changes last: what a crash leaves undone is found again.
   */
  async become(groupId: string, members: readonly string[]): Promise<void> {
    const { store } = this.gateway;
    const wanted = new Set(members);
    const before = await allMembers(store, groupAggregate(groupId), MEMBERS_SET);
    const left = before.filter((member) => !wanted.has(member));
    const known = new Set(before);
    const joined = [...wanted].filter((member) => !known.has(member));
    await forEach(left, async (entity) => {
      await this.envelopes.dropAll(entity, groupId);
      await store.commit(memberAggregate(entity), { removeFrom: [{ set: GROUPS_SET, member: groupId }] });
    });
    await forEach(joined, (entity) =>
      store.commit(memberAggregate(entity), { addTo: [{ set: GROUPS_SET, member: groupId }] }),
    );
    const change = (member: string) => ({ set: MEMBERS_SET, member });
    for (const some of inChunks(left, CHUNK))
      await store.commit(groupAggregate(groupId), { removeFrom: some.map(change) });
    for (const some of inChunks(joined, CHUNK))
      await store.commit(groupAggregate(groupId), { addTo: some.map(change) });
  }

  /** The group was deleted: its keys go. Who the members were stays, since they are still to be told. */
  async end(groupId: string): Promise<void> {
    const members = await allMembers(this.gateway.store, groupAggregate(groupId), MEMBERS_SET);
    await forEach(members, (entity) => this.envelopes.dropAll(entity, groupId));
  }
}
