/** What may be known of a group's keys: everything but the keys. */
import type { GetGroupKeyStatusRequest, GroupKeyStatus } from '@cpns/contracts';
import { checkGroupId } from '@cpns/core';
import { at } from '@cpns/store';
import { GROUP, groupAggregate, RETIRED_VERSIONS } from '../../records/group-records';
import type { CskmfContext } from '../context';
import { groupUnknown } from '../group-refusals';
import { statusOf } from '../versions';

export class GetGroupKeyStatus {
  constructor(private readonly cskmf: CskmfContext) {}

  /** @throws CpnsError a field's reason; NOT_FOUND */
  async execute(request: GetGroupKeyStatusRequest): Promise<GroupKeyStatus> {
    return this.of(checkGroupId(request.groupId, 'group_id'));
  }

  /** @throws CpnsError NOT_FOUND */
  async of(groupId: string): Promise<GroupKeyStatus> {
    const { records, clock } = this.cskmf.server;
    const wanted = { head: at(GROUP), retired: at(RETIRED_VERSIONS) };
    const { head, retired } = await records.read(groupAggregate(groupId), wanted);
    if (head === undefined) throw groupUnknown();
    return statusOf(head, retired?.versions ?? [], clock.now());
  }
}
