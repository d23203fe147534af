import { RecentRecords } from '@cpns/platform';
import { allMembers, at, idsOf, Store } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { NetworkIndex } from '../gateways/network-index';
import { GROUP, GROUP_KIND, groupAggregate, PNS } from './records';

/**
 * The ids of the groups that push, or had an emergency, and have or had recipients in a Personal Network. One is added before the
 * gateways of the network are told of it, and taken out once they are told of its end.
 */
@Injectable()
export class GroupIndex extends NetworkIndex {
  constructor(
    store: Store,
    private readonly recent: RecentRecords,
  ) {
    super(store, 'groups');
  }

  protected override async *all() {
    for await (const groups of idsOf(this.store, GROUP_KIND))
      for (const member of groups) {
        const { head } = await this.recent.read(groupAggregate(member), { head: at(GROUP) });
        if (head === undefined || head.deletedAt !== undefined) continue;
        if (head.description.delivery === 'pull' && !head.versions.some(({ emergency }) => emergency)) continue;
        const pns = await allMembers(this.store, groupAggregate(member), PNS);
        yield pns.map((pnId) => ({ pnId, member }));
      }
  }
}
