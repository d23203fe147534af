/** GK-UPDATE-M, steps 1 to 5: who joined gets nothing from before, who left gets nothing from now on. */
import { UpdateGroupKeyRequest } from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import { ServiceIdentity } from '@cpns/platform';
import { Injectable } from '@nestjs/common';
import { checkUpdate, digestOf, type CheckedUpdate } from './group-change/check-change';
import { GroupChanges, type Change } from './group-change/group-change';
import { groupDeleted, groupUnknown } from './group-refusals';
import { MemberKeys } from './member-keys';
import type { GroupRecord } from './records';

@Injectable()
export class UpdateGroupKey {
  constructor(
    private readonly own: ServiceIdentity,
    private readonly changes: GroupChanges,
    private readonly keys: MemberKeys,
  ) {}

  /**
   * @param from URI of the caller
   * @throws CpnsError a field's reason; TRUST_DOMAIN; NOT_FOUND, GROUP_DELETED; MEMBER_WITHOUT_KEY; CONFLICT for another
   *   revision than the next, or another change under the present one; DEPENDENCY_UNAVAILABLE
   */
  async execute(request: UpdateGroupKeyRequest, from: string): Promise<GroupRecord> {
    return this.changes.make(this.#change(checkUpdate(request, this.own.trustDomain)), from);
  }

  #change({ groupId, membershipRevision, joined, left }: CheckedUpdate): Change {
    const asked = UpdateGroupKeyRequest.encode({
      groupId,
      membershipRevision,
      joined: [...joined],
      left: [...left],
    }).finish();
    const changeDigest = digestOf('update', asked);
    return {
      groupId,
      changeDigest,
      carried: ['group_id', 'membership_revision', 'joined', 'left'],
      flowOf: () => 'GK-UPDATE-M',
      isDone: (group) => {
        const present = livingGroup(group);
        if (present.membershipRevision + 1n === membershipRevision) return false;
        if (present.membershipRevision === membershipRevision && present.changeDigest.equals(changeDigest)) return true;
        throw new CpnsError('CONFLICT', `the group is at membership revision ${present.membershipRevision}`, {
          metadata: { membership_revision: String(present.membershipRevision) },
        });
      },
      check: () => this.keys.requireLiveKeys(joined),
      begin: (group) => {
        const { description, newest } = livingGroup(group);
        return { pending: { description, membershipRevision, previous: newest, joined, left } };
      },
    };
  }
}

function livingGroup(group: GroupRecord | undefined): GroupRecord {
  if (group === undefined) throw groupUnknown();
  if (group.deletedAt !== undefined) throw groupDeleted();
  return group;
}
