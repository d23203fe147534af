/** What may be known of a group's keys: everything but the keys. */
import type { GetGroupKeyStatusRequest, GroupKeyStatus } from '@cpns/contracts';
import { checkGroupId, Clock } from '@cpns/core';
import { at, Records } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { groupUnknown } from './group-refusals';
import { GROUP, groupAggregate, RETIRED_VERSIONS } from './records';
import { statusOf } from './versions';

@Injectable()
export class GetGroupKeyStatus {
  constructor(
    private readonly records: Records,
    private readonly clock: Clock,
  ) {}

  /** @throws CpnsError a field's reason; NOT_FOUND */
  async execute(request: GetGroupKeyStatusRequest): Promise<GroupKeyStatus> {
    return this.of(checkGroupId(request.groupId, 'group_id'));
  }

  /** @throws CpnsError NOT_FOUND */
  async of(groupId: string): Promise<GroupKeyStatus> {
    const wanted = { head: at(GROUP), retired: at(RETIRED_VERSIONS) };
    const { head, retired } = await this.records.read(groupAggregate(groupId), wanted);
    if (head === undefined) throw groupUnknown();
    return statusOf(head, retired?.versions ?? [], this.clock.now());
  }
}
