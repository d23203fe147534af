import type { EntityName } from '@cpns/core';
import type { ProposeChange } from '../../changes/propose-change';
import type { SmfContext, Waiting } from '../../context';
import { askMembership, type MembershipRequest } from '../ask';

/** SMF-GW: an entity is a member no longer; who is none gets the present revision. */
export class LeaveServiceGroup {
  constructor(
    private readonly smf: SmfContext,
    private readonly changes: ProposeChange,
  ) {}

  /** @throws CpnsError as {@link askMembership} */
  execute(request: MembershipRequest, gateway: EntityName, call: Waiting): Promise<bigint> {
    return askMembership(this.smf, this.changes, 'leave', { request, gateway, call });
  }
}
