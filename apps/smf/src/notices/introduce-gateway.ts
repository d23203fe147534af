/** A gateway that opens its channel for the first time, or enrolled anew, is told of every group with members in its PN. */
import type { Receiver } from '@cpns/delivery';
import type { EntityName } from '@cpns/core';
import { at } from '@cpns/store';
import type { SmfContext } from '../context';
import { isEmpty, pagesOf } from '../records/all-of';
import { GROUP, groupAggregate, membersSet } from '../records/group-records';
import { GATEWAYS, gatewayAggregate, GROUPS, INTRODUCED, pnAggregate } from '../records/notice-records';
import { tellGateway } from './notice-log';

export class IntroduceGateway {
  constructor(private readonly smf: SmfContext) {}

  async execute({ uri, pnId }: EntityName, { fingerprint }: Receiver): Promise<void> {
    const { records, store } = this.smf;
    const aggregate = gatewayAggregate(uri);
    const wanted = { introduced: at(INTRODUCED) };
    const { introduced } = await records.read(aggregate, wanted);
    if (introduced?.fingerprint.equals(fingerprint) === true) return;
    const index = pnAggregate(pnId);
    // before the groups are read: one that changes from here on finds the gateway
    await store.commit(index, { addTo: [{ set: GATEWAYS, member: uri }] });
    for await (const groups of pagesOf(store, index, GROUPS))
      for (const groupId of groups) await this.#tell(uri, pnId, groupId);
    // last: a crash before it means to begin again
    await records.transact(aggregate, wanted, () => ({ result: undefined, put: { introduced: { fingerprint } } }));
  }

  async #tell(gateway: string, pnId: string, groupId: string): Promise<void> {
    const aggregate = groupAggregate(groupId);
    const { group } = await this.smf.records.read(aggregate, { group: at(GROUP) });
    if (group === undefined || group.state === 'deleted') return;
    if (await isEmpty(this.smf.store, aggregate, membersSet(pnId))) return;
    await tellGateway(this.smf, gateway, group, true);
  }
}
