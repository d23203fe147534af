import { type OpenNoticeChannelResponse, wireGroupDescription } from '@cpns/contracts';
import { CpnsError, parseEntityUri } from '@cpns/core';
import type { LogEntry } from '@cpns/store';
import type { SmfContext } from '../context';
import { snapshotOf } from '../records/members';
import { groupOfNotice } from './notice-log';

/**
 * The notice that an entry of a gateway's log stands for, as the group is now: properties, members of the gateway's PN,
 * and where the key is.
 */
export async function noticeFor(smf: SmfContext, gateway: string, entry: LogEntry): Promise<OpenNoticeChannelResponse> {
  const { pnId } = parseEntityUri(gateway);
  const snapshot = await snapshotOf(smf, groupOfNotice(entry.dedupeId), pnId);
  if (snapshot === undefined) throw new CpnsError('INTERNAL', 'a notice is about a group that is not there');
  const { group, members } = snapshot;
  return {
    sequence: entry.sequence,
    traceparent: entry.value.toString('utf8'),
    notice: {
      description: wireGroupDescription(group.description),
      membershipRevision: group.revision,
      members: [...members],
      keyLocation: smf.keyLocation,
      keyVersion: group.keyVersion,
      deleted: group.state === 'deleted',
    },
  };
}
