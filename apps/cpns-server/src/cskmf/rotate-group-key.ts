/** GK-UPDATE-T: a new version for the same members, because its time has come, or because it was asked for. */
import { fields, RotateGroupKeyRequest } from '@cpns/contracts';
import { checkGroupId, Clock, NONCE_BYTES, Random } from '@cpns/core';
import { at, Records } from '@cpns/store';
import { withSpan, withStepChain } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { ServerConfig } from '../config';
import { changeDigestOf, GroupChanges, type Change } from './group-change';
import { GROUP, groupAggregate, livingGroup, type KeyedGroupRecord, type PendingRecord } from './records';
import { dueOf } from './rotation';

@Injectable()
export class RotateGroupKey {
  constructor(
    private readonly config: ServerConfig,
    private readonly changes: GroupChanges,
    private readonly records: Records,
    private readonly clock: Clock,
    private readonly random: Random,
  ) {}

  /**
   * A request that was carried out already makes no version, as long as the one that it made is in use.
   * @throws CpnsError a field's reason; NOT_FOUND, GROUP_DELETED; DEPENDENCY_UNAVAILABLE
   */
  async byHand(request: RotateGroupKeyRequest): Promise<KeyedGroupRecord> {
    const groupId = checkGroupId(request.groupId, 'group_id');
    const requestId = fields.optional(request.requestId, fields.nonce, 'request_id') ?? this.random.bytes(NONCE_BYTES);
    const { emergency } = request;
    const asked = RotateGroupKeyRequest.encode({ groupId, emergency, requestId }).finish();
    const changeDigest = changeDigestOf('rotate', asked);
    return this.changes.make({
      ...rotationOf(groupId, { cause: 'hand', ...(emergency && { emergency }) }),
      changeDigest,
      isDone: (group) =>
        livingGroup(group).versions.some(({ requestDigest }) => requestDigest?.equals(changeDigest) === true),
    });
  }

  /**
   * The next version of a group, if it is due. Every replica wants the same change, so that one version is made, and what one
   * of them leaves half done the others finish.
   * @throws CpnsError DEPENDENCY_UNAVAILABLE, DEADLINE: to be called again
   */
  async byTime(groupId: string): Promise<void> {
    const { head } = await this.records.read(groupAggregate(groupId), { head: at(GROUP) });
    if (head === undefined || !this.isDue(head)) return;
    const { newest } = head;
    const change: Change = {
      ...rotationOf(groupId, { cause: 'time' }),
      changeDigest: changeDigestOf('time', Buffer.from(`${groupId}\0${newest}`)),
      // a change of members, or the deletion of the group, may have come first
      isDone: (group) => group?.newest !== newest || !this.isDue(group),
    };
    // no call began it: its steps are a trace and a chain of their own
    await withSpan('cpns.rotate-group-key', {}, () => withStepChain('', () => this.changes.make(change)));
  }

  private isDue(group: KeyedGroupRecord): boolean {
    const now = this.clock.now();
    return dueOf(group, { serverDelay: this.config.activationDelay, now }).prepareAt <= now;
  }
}

const rotationOf = (
  groupId: string,
  version: Pick<PendingRecord, 'cause' | 'emergency'>,
): Omit<Change, 'changeDigest' | 'isDone'> => ({
  groupId,
  carried: ['group_id'],
  flowOf: () => 'GK-UPDATE-T',
  check: () => Promise.resolve({}),
  begin: (group) => {
    const { description, membershipRevision, newest: previous } = livingGroup(group);
    return { pending: { description, membershipRevision, previous, joined: [], left: [], ...version } };
  },
});
