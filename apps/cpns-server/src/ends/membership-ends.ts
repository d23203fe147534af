import { EndMembershipsRequest, RevocationKind, type EndedItems, type EndedMember } from '@cpns/contracts';
import { Clock, inChunks } from '@cpns/core';
import { OwnIdentity } from '@cpns/platform';
import { emitStep, Logger, withinStep } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { Smf } from '../smf/smf';
import { NameList } from './name-list';

/** Members of one call. */
const BATCH_MAX = 1_000;
/** How long until SMF is asked again how far it is, milliseconds. */
const ASK_EVERY = 200;
/** SMF answers that much before its deadline, and looks at few groups in less. */
const LOOK_MS = 300;

export interface MembershipsAsked {
  readonly kind: RevocationKind;
  readonly keepGrace: boolean;
  readonly isDry: boolean;
  /** Until when an answer is waited for, Unix milliseconds of the process. */
  readonly until: number;
  /** Ends the waiting sooner. */
  readonly signal?: AbortSignal;
}

export interface MembershipsAnswer {
  /** Ids of the groups that have a new version by it. */
  readonly groups: NameList;
  /** False while SMF is away, or at work on it. */
  readonly isComplete: boolean;
}

/** Has SMF take entities out of their groups, or have them rest there: the same again says how far it is. */
@Injectable()
export class MembershipEnds {
  constructor(
    private readonly own: OwnIdentity,
    private readonly smf: Smf,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /** Never fails: what SMF does not know yet is left due. @param members each once */
  async ask(members: readonly EndedMember[], asked: MembershipsAsked): Promise<MembershipsAnswer> {
    const groups = new NameList();
    let isComplete = true;
    for (const some of inChunks(members, BATCH_MAX))
      isComplete = (await this.askFor(some, asked, groups)) && isComplete;
    return { groups, isComplete };
  }

  private async askFor(members: readonly EndedMember[], asked: MembershipsAsked, groups: NameList): Promise<boolean> {
    const { kind, keepGrace, isDry, until, signal } = asked;
    const request = EndMembershipsRequest.fromPartial({ members: [...members], kind, keepGrace, dryRun: isDry });
    const startedAt = this.clock.now();
    let known: EndedItems | undefined;
    try {
      for (let deadlineMs = until - Date.now(); deadlineMs >= LOOK_MS; deadlineMs = until - Date.now()) {
        const ask = () => this.smf.rpc.endMemberships(request, { deadlineMs, ...(signal && { signal }) });
        const answer = isDry ? await ask() : await withinStep({ flow: 'EUK-REVOKE', step: 2 }, ask);
        if ((answer.groups?.count ?? 0) >= (known?.count ?? 0)) known = answer.groups;
        if (answer.complete && !isDry) this.report(startedAt);
        if (answer.complete || isDry) return answer.complete;
        await sleep(Math.min(ASK_EVERY, deadlineMs), undefined, { ...(signal && { signal }) });
      }
      return false;
    } catch (error) {
      this.logger.warn('the SMF does not know of ended rights yet', { members: members.length, error });
      return false;
    } finally {
      groups.addAll(known);
    }
  }

  private report(startedAt: number): void {
    const [from, to] = [this.smf.uri, this.own.uri];
    emitStep({ flow: 'EUK-REVOKE', step: 4, from, to, carried: ['groups'], startedAt });
  }
}
