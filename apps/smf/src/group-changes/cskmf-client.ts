/** SMF's requests to CSKMF (5.3.1.12.6.1), each in the words of a change that was proposed. */
import { type GroupKeyStatus, wireGroupDescription } from '@cpns/contracts';
import { Clock, CpnsError, duration, unavailable } from '@cpns/core';
import { joinedBy, leftBy } from '@cpns/group-key';
import { Injectable } from '@nestjs/common';
import { ServerLink } from '../peer-clients/server-link';
import { descriptionRevisionOf, type PendingRecord, type ServiceGroupRecord } from './groups';

/** CSKMF asks the KMC, and works through as many recipients as a change has. */
const CHANGE_MS = duration(15, 'second');
const LOOK_MS = duration(2, 'second');
/** What is left of the caller's deadline for our own answer, milliseconds. */
const MARGIN_MS = 200;

/** Each request is idempotent there, so that it is repeated. */
@Injectable()
export class CskmfClient {
  constructor(
    private readonly server: ServerLink,
    private readonly clock: Clock,
  ) {}

  /** URI of the CPNS Server, whose CSKMF it is. */
  get uri(): string {
    return this.server.uri;
  }

  /** @param deadline of the caller, Unix milliseconds @throws CpnsError DEPENDENCY_UNAVAILABLE without a connection */
  async assertReachable(deadline: number): Promise<void> {
    const { server, clock } = this;
    try {
      await server.ready(Math.min(LOOK_MS, deadline - clock.now() - MARGIN_MS));
    } catch (error) {
      throw unavailable('DEPENDENCY_UNAVAILABLE', 'the CPNS Server does not answer; nothing was changed, try again', {
        metadata: { dependency: server.uri },
        cause: error,
      });
    }
  }

  /**
   * Asks CSKMF for what a change needs.
   * @param over aborted when the service stops: what waits for the Server then waits for the next start
   * @returns the newest version of the Group Key
   * @throws CpnsError what CSKMF refuses it with (`isRefusal`); DEPENDENCY_UNAVAILABLE and others, to be tried again
   */
  async ask(group: ServiceGroupRecord, pending: PendingRecord, over: AbortSignal): Promise<bigint> {
    const { groupId } = group.description;
    const { groupKeys } = this.server;
    const options = { deadlineMs: CHANGE_MS, signal: over };
    const { revision: membershipRevision, moves } = pending;
    const [joined, left] = [[...joinedBy(moves)], [...leftBy(moves)]];
    switch (pending.flow) {
      case 'GK-DELETE': {
        const { status } = await groupKeys.deleteGroupKey({ groupId }, options);
        return versionIn(status, { groupId, deleted: true }) ?? group.keyVersion;
      }
      case 'parameters': {
        const description = wireGroupDescription(pending.description ?? group.description);
        const descriptionRevision = descriptionRevisionOf(group) + 1n;
        const { status } = await groupKeys.updateGroupDescription({ description, descriptionRevision }, options);
        return versionIn(status, { groupId, deleted: false }) ?? group.keyVersion;
      }
      case 'GK-UPDATE-M': {
        const emergency = pending.emergency ?? false;
        const { status } = await groupKeys.updateGroupKey(
          { groupId, membershipRevision, joined, left, emergency },
          options,
        );
        const before = pending.keyVersion ?? group.keyVersion;
        // who joins may be given the version that is there
        return newVersionIn(status, { groupId, membershipRevision }, left.length === 0 ? before - 1n : before);
      }
      default: {
        const description = wireGroupDescription(group.description);
        const { status } = await groupKeys.createGroupKey(
          { description, members: joined, membershipRevision },
          options,
        );
        return newVersionIn(status, { groupId, membershipRevision }, 0n);
      }
    }
  }
}

/** @param than version before the change */
function newVersionIn(status: GroupKeyStatus | undefined, expected: Partial<GroupKeyStatus>, than: bigint): bigint {
  const version = versionIn(status, { ...expected, deleted: false });
  if (version === undefined || version <= than) throw unexpected('no newer version of the Group Key');
  return version;
}

/** The newest version that an answer names; the answer has to be to the request. */
function versionIn(status: GroupKeyStatus | undefined, expected: Partial<GroupKeyStatus>): bigint | undefined {
  if (status === undefined) throw unexpected('no status');
  for (const [field, value] of Object.entries(expected))
    if (status[field as keyof GroupKeyStatus] !== value) throw unexpected(`another ${field}`);
  return status.versions.at(-1)?.version;
}

const unexpected = (what: string) => new CpnsError('INTERNAL', `CSKMF’s answer is not to the request: ${what}`);
