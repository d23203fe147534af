/** Which members a group has here, and which groups an entity is in: two views that a notice brings up to date. */
import { forEach, inChunks } from '@cpns/core';
import { Store } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { KnownGroups } from './known-group';
import { groupAggregate, GROUPS_SET, memberAggregate, MEMBERS_SET } from './records';

const CHUNK = 1_000;

@Injectable()
export class Members {
  constructor(
    private readonly store: Store,
    private readonly groups: KnownGroups,
  ) {}

  /**
   * Makes these the members. Each part is the same when done twice, and the group's own list changes last: what a crash
   * leaves undone is found again.
   * @param forget done first for each E that left
   */
  async become(groupId: string, members: readonly string[], forget: (entity: string) => Promise<void>): Promise<void> {
    const { store } = this;
    const wanted = new Set(members);
    const before = await this.groups.members(groupId);
    const left = before.filter((member) => !wanted.has(member));
    const known = new Set(before);
    const joined = [...wanted].filter((member) => !known.has(member));
    await forEach(left, async (entity) => {
      await forget(entity);
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
}
