/**
 * Notices on their way to one gateway. The log names a group and a revision of it; what the notice says is looked up when
 * it is sent, so that a large group is not in the log once for each change and gateway. A gateway that was away may so
 * be told the newest revision several times over, never an older one after a newer.
 */
import { DeliveryLog } from '@cpns/delivery';
import { CpnsError, forEach } from '@cpns/core';
import { at, Records, Store, allMembers, pagesOf } from '@cpns/store';
import { withinStep, withStepChain, withTraceparent } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import type { ChangeFlow } from '../common/change-flow';
import { GATEWAYS, gatewayAggregate, GROUPS, NOTICES, pnAggregate, TOLD, toldName } from './records';

/** What a notice in a log is made of. */
export interface ToldGroup {
  readonly description: { readonly groupId: string };
  /** Of the membership. */
  readonly revision: bigint;
  /** The change that led to this revision, and its last step as W3C trace context. */
  readonly lastChange?: { readonly flow: ChangeFlow; readonly traceparent: string } | undefined;
}

const noticeId = (groupId: string, revision: bigint): string => `${groupId}.${revision}`;

/** The group that an entry is about. */
export function groupOfNotice(dedupeId: string): string {
  const dot = dedupeId.lastIndexOf('.');
  if (dot < 1) throw new CpnsError('STORED_RECORD_INVALID', 'a stored notice does not name a group');
  return dedupeId.slice(0, dot);
}

@Injectable()
export class NoticeLogs {
  constructor(
    private readonly records: Records,
    private readonly store: Store,
  ) {}

  of(gateway: string): DeliveryLog {
    return new DeliveryLog(this.store, gatewayAggregate(gateway), NOTICES);
  }

  /** From here on the gateway is told of changes. @param gateway E */
  async addGateway(pnId: string, gateway: string): Promise<void> {
    await this.store.commit(pnAggregate(pnId), { addTo: [{ set: GATEWAYS, member: gateway }] });
  }

  /** The ids of the groups that have, or had, members in a PN, page by page. */
  groupsOf(pnId: string): AsyncIterable<readonly string[]> {
    return pagesOf(this.store, pnAggregate(pnId), GROUPS);
  }

  /** {@link tell} for each gateway of a PN. @param deleted the PN has nothing to do with the group afterwards */
  async tellPn(pnId: string, group: ToldGroup, deleted: boolean): Promise<void> {
    const { groupId } = group.description;
    const index = pnAggregate(pnId);
    // before the gateways are read: one that opens its channel from here on finds the group there, or is found below
    if (!deleted && !(await this.store.isMember(index, GROUPS, groupId)))
      await this.store.commit(index, { addTo: [{ set: GROUPS, member: groupId }] });
    await forEach(await allMembers(this.store, index, GATEWAYS), (gateway) => this.tell(gateway, group));
    if (deleted) await this.store.commit(index, { removeFrom: [{ set: GROUPS, member: groupId }] });
  }

  /**
   * Puts the notice of a group's present revision into a gateway's log, once: it may have been delivered and forgotten
   * there since.
   * @param again also when the gateway was told before
   */
  async tell(gateway: string, { description, revision, lastChange }: ToldGroup, again = false): Promise<void> {
    const { groupId } = description;
    if (lastChange === undefined) return;
    const { traceparent, flow } = lastChange;
    const tell = () =>
      this.records.transact(gatewayAggregate(gateway), { told: at(TOLD, toldName(groupId)) }, ({ told }) => {
        if (told !== undefined && (told.revision > revision || (told.revision === revision && !again)))
          return { result: undefined };
        return {
          result: undefined,
          put: { told: { revision } },
          append: [{ log: NOTICES, dedupeId: noticeId(groupId, revision), value: Buffer.from(traceparent, 'utf8') }],
        };
      });
    await withTraceparent(traceparent, () => withStepChain(traceparent, () => withinStep({ flow, step: 7 }, tell)));
  }
}
