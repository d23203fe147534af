import type { EntityName } from '@cpns/core';
import { Injectable } from '@nestjs/common';
import type { Waiting } from '../common/waiting';
import { AskMembership, type MembershipRequest } from './ask-membership';

/** SMF-GW: an entity is a member no longer; who is none gets the present revision. */
@Injectable()
export class LeaveServiceGroup {
  constructor(private readonly ask: AskMembership) {}

  /** @throws CpnsError as {@link AskMembership} */
  execute(request: MembershipRequest, gateway: EntityName, call: Waiting): Promise<bigint> {
    return this.ask.execute('leave', { request, gateway, call });
  }
}
