/** The groups of one entity, for an operator, and for the CPNS Server. */
import type { ListMembershipsRequest, ListMembershipsResponse } from '@cpns/contracts';
import { CpnsError, forEach, GROUP_ID_PATTERN, invalidArgument } from '@cpns/core';
import { checkMember, hasPlace, type Standing } from '@cpns/group-key';
import { STORE_LIMITS } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { SmfConfig } from '../config';
import { MembershipIndex } from '../group-changes/membership-index';
import { Groups } from '../group-changes/read-groups';

const DEFAULT_PAGE = 100;

@Injectable()
export class ListMemberships {
  constructor(
    private readonly config: SmfConfig,
    private readonly index: MembershipIndex,
    private readonly groups: Groups,
  ) {}

  /** @throws CpnsError a field's reason; TRUST_DOMAIN; PAGE_TOKEN_INVALID; STORED_RECORD_INVALID, DEPENDENCY_UNAVAILABLE */
  async execute({ entity, pageSize, pageToken }: ListMembershipsRequest): Promise<ListMembershipsResponse> {
    const name = checkMember(entity, this.config.trustDomain, 'entity');
    checkPage(pageSize, pageToken);
    const all = [...(await this.index.byGroup(['member-of', 'ending'], [name])).keys()].sort();
    const rest = all.filter((groupId) => groupId > pageToken);
    const page = rest.slice(0, pageSize || DEFAULT_PAGE);
    const standings = new Map<string, Standing>();
    await forEach(page, async (groupId) => {
      const standing = (await this.groups.standingsOf(groupId, [name.uri])).get(name.uri);
      if (standing !== undefined && hasPlace(standing)) standings.set(groupId, standing);
    });
    return {
      memberships: page
        .filter((groupId) => standings.has(groupId))
        .map((groupId) => ({ groupId, suspended: standings.get(groupId) === 'suspended' })),
      nextPageToken: page.length < rest.length ? (page.at(-1) ?? '') : '',
    };
  }
}

function checkPage(size: number, token: string): void {
  const { pageItems } = STORE_LIMITS;
  if (size > pageItems)
    throw invalidArgument('FIELD_OUT_OF_RANGE', `a page has ${pageItems} items at most`, {
      metadata: { field: 'page_size' },
    });
  if (token !== '' && !GROUP_ID_PATTERN.test(token))
    throw new CpnsError('PAGE_TOKEN_INVALID', 'use the page token of the page before, or none for the first page');
}
