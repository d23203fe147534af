/** GK-DELETE, steps 1 to 5: from the first commit on nothing of the group is given to anybody. */
import { DeleteGroupKeyRequest } from '@cpns/contracts';
import { checkGroupId, Clock } from '@cpns/core';
import { Injectable } from '@nestjs/common';
import { digestOf } from './group-change/check-change';
import { GroupChanges, type Change } from './group-change/group-change';
import { groupUnknown } from './group-refusals';
import type { GroupRecord } from './records';

@Injectable()
export class DeleteGroupKey {
  constructor(
    private readonly changes: GroupChanges,
    private readonly clock: Clock,
  ) {}

  /**
   * @param from URI of the caller
   * @throws CpnsError a field's reason; NOT_FOUND; DEPENDENCY_UNAVAILABLE
   */
  async execute(request: DeleteGroupKeyRequest, from: string): Promise<GroupRecord> {
    return this.changes.make(this.#change(checkGroupId(request.groupId, 'group_id')), from);
  }

  #change(groupId: string): Change {
    return {
      groupId,
      changeDigest: digestOf('delete', DeleteGroupKeyRequest.encode({ groupId }).finish()),
      carried: ['group_id'],
      flowOf: () => 'GK-DELETE',
      isDone: (group) => {
        if (group === undefined) throw groupUnknown();
        return group.deletedAt !== undefined;
      },
      check: () => Promise.resolve(),
      begin: (group) => {
        if (group === undefined) throw groupUnknown();
        const { description, membershipRevision, newest } = group;
        const deletedAt = this.clock.now();
        return {
          pending: { description, membershipRevision, previous: newest, joined: [], left: [] },
          head: { ...group, deletedAt },
        };
      },
    };
  }
}
