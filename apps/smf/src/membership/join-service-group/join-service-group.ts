import type { EntityName } from '@cpns/core';
import type { ProposeChange } from '../../changes/propose-change';
import type { SmfContext, Waiting } from '../../context';
import { askMembership, type MembershipRequest } from '../ask';

/** SMF-GW: an entity becomes a member of a group that is open to it; who is one already gets the present revision. */
export class JoinServiceGroup {
  constructor(
    private readonly smf: SmfContext,
    private readonly changes: ProposeChange,
  ) {}

  /** @throws CpnsError as {@link askMembership}; JOIN_NOT_PERMITTED, LIMIT_REACHED, MEMBER_WITHOUT_KEY among them */
  execute(request: MembershipRequest, gateway: EntityName, call: Waiting): Promise<bigint> {
    return askMembership(this.smf, this.changes, 'join', { request, gateway, call });
  }
}
