import type { ListServiceGroupsRequest, ServiceGroup } from '@cpns/contracts';
import { at, listPage } from '@cpns/store';
import type { SmfContext } from '../../context';
import { GROUP, GROUP_KIND, groupAggregate } from '../../records/group-records';
import { serviceGroup } from '../present';

/** SMF-SRV: the groups, also those that were deleted, without their members. */
export class ListServiceGroups {
  constructor(private readonly smf: SmfContext) {}

  /** @throws CpnsError FIELD_OUT_OF_RANGE, PAGE_TOKEN_INVALID */
  async execute(request: ListServiceGroupsRequest): Promise<{ groups: ServiceGroup[]; nextPageToken: string }> {
    const { records, store } = this.smf;
    const { items, next } = await listPage(store, GROUP_KIND, request);
    const found = await Promise.all(items.map((id) => records.read(groupAggregate(id), { group: at(GROUP) })));
    const groups = found.flatMap(({ group }) =>
      group === undefined || group.state === 'creating' ? [] : [serviceGroup(group, [])],
    );
    return { groups, nextPageToken: next };
  }
}
