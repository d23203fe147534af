import type { EntityName } from '@cpns/core';
import { Injectable } from '@nestjs/common';
import type { Waiting } from '../common/waiting';
import { AskMembership, type MembershipRequest } from './ask-membership';

/** SMF-GW: an entity becomes a member of a group that is open to it; who is one already gets the present revision. */
@Injectable()
export class JoinServiceGroup {
  constructor(private readonly ask: AskMembership) {}

  /** @throws CpnsError as {@link AskMembership}; JOIN_NOT_PERMITTED, LIMIT_REACHED, MEMBER_WITHOUT_KEY among them */
  execute(request: MembershipRequest, gateway: EntityName, call: Waiting): Promise<bigint> {
    return this.ask.execute('join', { request, gateway, call });
  }
}
