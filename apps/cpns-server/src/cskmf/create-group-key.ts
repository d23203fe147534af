/** GK-CREATE: FLOW-PULL and FLOW-PUSH, steps 1 to 5. */
import { CreateGroupKeyRequest, groupDescription, wireGroupDescription } from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import type { GroupDescription } from '@cpns/group-key';
import { ServiceIdentity } from '@cpns/platform';
import { Injectable } from '@nestjs/common';
import { checkMembers, checkRevision, digestOf } from './group-change/check-change';
import { GroupChanges, type Change } from './group-change/group-change';
import { groupDeleted } from './group-refusals';
import { MemberKeys } from './member-keys';
import type { GroupRecord } from './records';

@Injectable()
export class CreateGroupKey {
  constructor(
    private readonly own: ServiceIdentity,
    private readonly changes: GroupChanges,
    private readonly keys: MemberKeys,
  ) {}

  /**
   * @param from URI of the caller
   * @throws CpnsError a field's reason; TRUST_DOMAIN; MEMBER_WITHOUT_KEY; ALREADY_EXISTS for a group-id that has a key
   *   from another request; GROUP_DELETED; DEPENDENCY_UNAVAILABLE
   */
  async execute(request: CreateGroupKeyRequest, from: string): Promise<GroupRecord> {
    const description = groupDescription(request.description);
    const members = checkMembers(request.members, 'members', this.own.trustDomain);
    const membershipRevision = checkRevision(request.membershipRevision);
    return this.changes.make(this.#change(description, members, membershipRevision), from);
  }

  #change(description: GroupDescription, members: readonly string[], membershipRevision: bigint): Change {
    const asked = CreateGroupKeyRequest.encode({
      description: wireGroupDescription(description),
      members: [...members],
      membershipRevision,
    }).finish();
    const changeDigest = digestOf('create', asked);
    return {
      groupId: description.groupId,
      changeDigest,
      carried: ['description', 'members', 'membership_revision'],
      flowOf: () => (description.delivery === 'push' ? 'FLOW-PUSH' : 'FLOW-PULL'),
      isDone: (group) => {
        if (group === undefined) return false;
        if (group.deletedAt !== undefined) throw groupDeleted();
        if (group.changeDigest.equals(changeDigest)) return true;
        throw new CpnsError('ALREADY_EXISTS', 'the group has a Group Key: update it, or take a new group-id');
      },
      check: () => this.keys.requireLiveKeys(members),
      begin: () => ({ pending: { description, membershipRevision, previous: 0n, joined: members, left: [] } }),
    };
  }
}
