import type { ListServiceGroupsRequest, ServiceGroup } from '@cpns/contracts';
import { Injectable } from '@nestjs/common';
import { Groups } from '../group-changes/groups';
import { serviceGroup } from './present';

/** SMF-SRV: the groups, also those that were deleted, without their members. */
@Injectable()
export class ListServiceGroups {
  constructor(private readonly groups: Groups) {}

  /** @throws CpnsError FIELD_OUT_OF_RANGE, PAGE_TOKEN_INVALID */
  async execute(request: ListServiceGroupsRequest): Promise<{ groups: ServiceGroup[]; nextPageToken: string }> {
    const { found, next } = await this.groups.list(request);
    const groups = found.filter(({ state }) => state !== 'creating').map((group) => serviceGroup(group, []));
    return { groups, nextPageToken: next };
  }
}
