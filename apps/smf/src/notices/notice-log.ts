/**
 * Notices on their way to one gateway. The log names a group and a revision of it; what the notice says is looked up when
 * it is sent, so that a large group is not in the log once for each change and gateway. A gateway that was away may so
 * be told the newest revision several times over, never an older one after a newer.
 */
import { DeliveryLog } from '@cpns/delivery';
import { CpnsError } from '@cpns/core';
import { at } from '@cpns/store';
import { withinStep, withStepChain, withTraceparent } from '@cpns/telemetry';
import type { SmfContext } from '../context';
import type { GroupRecord } from '../records/group-records';
import { gatewayAggregate, NOTICES, TOLD, toldName } from '../records/notice-records';

export const noticeLog = ({ store }: SmfContext, gateway: string): DeliveryLog =>
  new DeliveryLog(store, gatewayAggregate(gateway), NOTICES);

const noticeId = (groupId: string, revision: bigint): string => `${groupId}.${revision}`;

/** The group that an entry is about. */
export function groupOfNotice(dedupeId: string): string {
  const dot = dedupeId.lastIndexOf('.');
  if (dot < 1) throw new CpnsError('STORED_RECORD_INVALID', 'a stored notice does not name a group');
  return dedupeId.slice(0, dot);
}

/**
 * Puts the notice of a group's present revision into a gateway's log, once: it may have been delivered and forgotten there
 * since.
 * @param again also when the gateway was told before
 */
export async function tellGateway(smf: SmfContext, gateway: string, group: GroupRecord, again = false): Promise<void> {
  const { description, revision, lastChange } = group;
  const { groupId } = description;
  if (lastChange === undefined) return;
  const { traceparent, flow } = lastChange;
  const tell = () =>
    smf.records.transact(gatewayAggregate(gateway), { told: at(TOLD, toldName(groupId)) }, ({ told }) => {
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
