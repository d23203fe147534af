import { type ServiceGroup, wireGroupDescription } from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import type { Groups } from '../group-changes/groups';
import type { GroupRecord } from '../group-changes/records';

export const serviceGroup = (group: GroupRecord, members: readonly string[]): ServiceGroup => ({
  description: wireGroupDescription(group.description),
  membershipRevision: group.revision,
  members: [...members],
  deleted: group.state === 'deleted',
});

/** A group as it is now, members sorted. @throws CpnsError NOT_FOUND */
export async function presentGroup(groups: Groups, groupId: string): Promise<ServiceGroup> {
  const snapshot = await groups.snapshot(groupId);
  if (snapshot === undefined) throw new CpnsError('NOT_FOUND', 'no Service Group of this id');
  return serviceGroup(snapshot.group, snapshot.members);
}
