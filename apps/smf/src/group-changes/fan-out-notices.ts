/** From a group's outbox into the log of each gateway concerned (step 7): every PN with members before or after the change. */
import { forEach } from '@cpns/core';
import { Store, allMembers, emptySet } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { NoticeLogs } from '../notice-log/notice-logs';
import { Groups } from './groups';
import { formerSet, groupAggregate, membersSet, PNS, type ServiceGroupRecord } from './records';

@Injectable()
export class FanOutNotices {
  constructor(
    private readonly groups: Groups,
    private readonly store: Store,
    private readonly logs: NoticeLogs,
  ) {}

  /** Idempotent. A revision that is not the present one any more was told before the next one was made. */
  async execute(groupId: string, revision: bigint): Promise<void> {
    const group = await this.groups.find(groupId);
    if (group?.revision !== revision) return;
    const pns = await allMembers(this.store, groupAggregate(groupId), PNS);
    await forEach(pns, (pn) => this.#tellPn(group, pn));
    if (group.state === 'deleted') await this.#forget(groupId);
  }

  async #tellPn(group: ServiceGroupRecord, pn: string): Promise<void> {
    const { groupId } = group.description;
    const has = await this.groups.hasMembers(groupId, pn);
    if (!has && group.lastChange?.pnsLeft.includes(pn) !== true) return;
    const deleted = group.state === 'deleted';
    await this.logs.tellPn(pn, group, deleted);
    // last: what is left to do after a crash is found again by the members
    if (deleted) await emptySet(this.store, groupAggregate(groupId), membersSet(pn));
  }

  /** Of a deleted group nothing is needed but that it was. */
  async #forget(groupId: string): Promise<void> {
    for (const set of [formerSet('left'), formerSet('removed'), PNS])
      await emptySet(this.store, groupAggregate(groupId), set);
  }
}
