import { type OpenNoticeChannelResponse, wireGroupDescription } from '@cpns/contracts';
import { CpnsError, parseEntityUri } from '@cpns/core';
import type { LogEntry } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { SmfConfig } from '../config';
import { Groups } from '../group-changes/groups';
import { groupOfNotice } from '../notice-log/notice-logs';

@Injectable()
export class SendNotice {
  /** host:port of the CSKMF that has the Group Keys, for gateways. */
  readonly #keyLocation: string;

  constructor(
    { keyLocation, serverAddress }: SmfConfig,
    private readonly groups: Groups,
  ) {
    this.#keyLocation = keyLocation ?? serverAddress;
  }

  /**
   * The notice that an entry of a gateway's log stands for, as the group is now: properties, members of the gateway's PN,
   * and where the key is.
   */
  async execute(gateway: string, entry: LogEntry): Promise<OpenNoticeChannelResponse> {
    const { pnId } = parseEntityUri(gateway);
    const snapshot = await this.groups.snapshot(groupOfNotice(entry.dedupeId), pnId);
    if (snapshot === undefined) throw new CpnsError('INTERNAL', 'a notice is about a group that is not there');
    const { group, members } = snapshot;
    return {
      sequence: entry.sequence,
      traceparent: entry.value.toString('utf8'),
      notice: {
        description: wireGroupDescription(group.description),
        membershipRevision: group.revision,
        members: [...members],
        keyLocation: this.#keyLocation,
        keyVersion: group.keyVersion,
        deleted: group.state === 'deleted',
      },
    };
  }
}
