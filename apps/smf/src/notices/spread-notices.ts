/** From a group's outbox into the log of each gateway concerned (step 7): every PN with members before or after the change. */
import { at } from '@cpns/store';
import type { SmfContext } from '../context';
import { allOf, emptySet, isEmpty } from '../records/all-of';
import { formerSet, GROUP, groupAggregate, membersSet, PNS, type GroupRecord } from '../records/group-records';
import { GATEWAYS, GROUPS, pnAggregate } from '../records/notice-records';
import { tellGateway } from './notice-log';

/** PNs, and gateways of a PN, that are told side by side. */
const AT_ONCE = 16;

async function forEach<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let from = 0; from < items.length; from += AT_ONCE)
    await Promise.all(items.slice(from, from + AT_ONCE).map(work));
}

export class SpreadNotices {
  constructor(private readonly smf: SmfContext) {}

  /** Idempotent. A revision that is not the present one any more was spread before the next one was made. */
  async execute(groupId: string, revision: bigint): Promise<void> {
    const aggregate = groupAggregate(groupId);
    const { group } = await this.smf.records.read(aggregate, { group: at(GROUP) });
    if (group?.revision !== revision) return;
    const pns = await allOf(this.smf.store, aggregate, PNS);
    await forEach(pns, (pn) => this.#spread(group, pn));
    if (group.state === 'deleted') await this.#forget(groupId);
  }

  async #spread(group: GroupRecord, pn: string): Promise<void> {
    const { store } = this.smf;
    const { groupId } = group.description;
    const members = { aggregate: groupAggregate(groupId), set: membersSet(pn) };
    const has = !(await isEmpty(store, members.aggregate, members.set));
    if (!has && group.lastChange?.pnsLeft.includes(pn) !== true) return;
    const index = pnAggregate(pn);
    const deleted = group.state === 'deleted';
    // before the gateways are read: one that opens its channel from here on finds the group there, or is found below
    if (!deleted && !(await store.isMember(index, GROUPS, groupId)))
      await store.commit(index, { addTo: [{ set: GROUPS, member: groupId }] });
    await forEach(await allOf(store, index, GATEWAYS), (gateway) => tellGateway(this.smf, gateway, group));
    if (!deleted) return;
    // in this order: what is left to do after a crash is found again by the members
    await store.commit(index, { removeFrom: [{ set: GROUPS, member: groupId }] });
    await emptySet(store, members.aggregate, members.set);
  }

  /** Of a deleted group nothing is needed but that it was. */
  async #forget(groupId: string): Promise<void> {
    for (const set of [formerSet('left'), formerSet('removed'), PNS])
      await emptySet(this.smf.store, groupAggregate(groupId), set);
  }
}
