/** A gateway that opens its channel for the first time, or enrolled anew, is told of every group with members in its PN. */
import type { Receiver } from '@cpns/delivery';
import type { EntityName } from '@cpns/core';
import { at, Records } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { Groups } from '../group-changes/groups';
import { NoticeLogs } from '../notice-log/notice-logs';
import { gatewayAggregate } from '../notice-log/records';
import { INTRODUCED } from './records';

@Injectable()
export class IntroduceGateway {
  constructor(
    private readonly records: Records,
    private readonly groups: Groups,
    private readonly logs: NoticeLogs,
  ) {}

  async execute({ uri, pnId }: EntityName, { fingerprint }: Receiver): Promise<void> {
    const aggregate = gatewayAggregate(uri);
    const wanted = { introduced: at(INTRODUCED) };
    const { introduced } = await this.records.read(aggregate, wanted);
    if (introduced?.fingerprint.equals(fingerprint) === true) return;
    // before the groups are read: one that changes from here on finds the gateway
    await this.logs.addGateway(pnId, uri);
    for await (const groups of this.logs.groupsOf(pnId))
      for (const groupId of groups) await this.#tell(uri, pnId, groupId);
    // last: a crash before it means to begin again
    await this.records.transact(aggregate, wanted, () => ({ result: undefined, put: { introduced: { fingerprint } } }));
  }

  async #tell(gateway: string, pnId: string, groupId: string): Promise<void> {
    const group = await this.groups.find(groupId);
    if (group === undefined || group.state === 'deleted') return;
    if (!(await this.groups.hasMembers(groupId, pnId))) return;
    await this.logs.tell(gateway, group, true);
  }
}
