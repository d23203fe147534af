/** SMF's requests to CSKMF (5.3.1.12.6.1; GK-CREATE, GK-UPDATE-M, GK-DELETE): each idempotent there, so that it is repeated. */
import { type GroupKeyStatus, wireGroupDescription } from '@cpns/contracts';
import { Clock, CpnsError, duration, unavailable } from '@cpns/core';
import { joinedBy, leftBy } from '@cpns/group-key';
import { Injectable } from '@nestjs/common';
import type { Waiting } from '../common/waiting';
import { ServerLink } from '../peer-clients/server-link';
import type { ServiceGroupRecord, PendingRecord } from './records';

/** CSKMF asks the KMC, and works through as many recipients as a change has. */
const CHANGE_MS = duration(15, 'second');
const LOOK_MS = duration(2, 'second');
/** What is left of the caller's deadline for our own answer, milliseconds. */
const MARGIN_MS = 200;

/** CSKMF's answer to a change. */
export interface KeyAnswer {
  /** The newest version. */
  readonly version: bigint;
}

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

  /** @throws CpnsError DEPENDENCY_UNAVAILABLE without a connection */
  async assertReachable(call: Waiting): Promise<void> {
    const { server, clock } = this;
    try {
      await server.ready(Math.min(LOOK_MS, call.deadline - clock.now() - MARGIN_MS));
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
   * @throws CpnsError what CSKMF refuses it with (`isRefusal`); DEPENDENCY_UNAVAILABLE and others, to be tried again
   */
  async ask(
    { description, keyVersion }: ServiceGroupRecord,
    { flow, revision, moves }: PendingRecord,
    over: AbortSignal,
  ): Promise<KeyAnswer> {
    const { groupId } = description;
    const { groupKeys } = this.server;
    const options = { deadlineMs: CHANGE_MS, signal: over };
    const joined = [...joinedBy(moves)];
    if (flow === 'GK-DELETE') {
      const { status } = await groupKeys.deleteGroupKey({ groupId }, options);
      return { version: versionIn(status, { groupId, deleted: true }) ?? keyVersion };
    }
    const { status } =
      flow === 'GK-UPDATE-M'
        ? await groupKeys.updateGroupKey(
            { groupId, membershipRevision: revision, joined, left: [...leftBy(moves)] },
            options,
          )
        : await groupKeys.createGroupKey(
            { description: wireGroupDescription(description), members: joined, membershipRevision: revision },
            options,
          );
    const version = versionIn(status, { groupId, membershipRevision: revision, deleted: false });
    if (version === undefined || version <= keyVersion) throw unexpected('no newer version of the Group Key');
    return { version };
  }
}

/** The newest version that an answer names; the answer has to be to the request. */
function versionIn(status: GroupKeyStatus | undefined, expected: Partial<GroupKeyStatus>): bigint | undefined {
  if (status === undefined) throw unexpected('no status');
  for (const [field, value] of Object.entries(expected))
    if (status[field as keyof GroupKeyStatus] !== value) throw unexpected(`another ${field}`);
  return status.versions.at(-1)?.version;
}

const unexpected = (what: string) => new CpnsError('INTERNAL', `CSKMF’s answer is not to the request: ${what}`);
