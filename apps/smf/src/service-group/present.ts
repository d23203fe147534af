import { type ServiceGroup, wireGroupDescription } from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import type { SmfContext } from '../context';
import type { GroupRecord } from '../records/group-records';
import { snapshotOf } from '../records/members';

export const serviceGroup = (group: GroupRecord, members: readonly string[]): ServiceGroup => ({
  description: wireGroupDescription(group.description),
  membershipRevision: group.revision,
  members: [...members],
  deleted: group.state === 'deleted',
});

/** A group as it is now, members sorted. @throws CpnsError NOT_FOUND */
export async function presentGroup(smf: SmfContext, groupId: string): Promise<ServiceGroup> {
  const snapshot = await snapshotOf(smf, groupId);
  if (snapshot === undefined) throw new CpnsError('NOT_FOUND', 'no Service Group of this id');
  return serviceGroup(snapshot.group, snapshot.members);
}
