/**
 * What follows from the end of entities' rights, from a suspension or from its end, in all their groups. It is written down
 * first, then changed in each group's own order of changes, and repeated by the CPNS Server until it is complete: so it may
 * be interrupted anywhere, and come twice or late.
 */
import { Clock, CpnsError, type EntityName, forEach } from '@cpns/core';
import { hasPlace, type RightEvent, type Standing } from '@cpns/group-key';
import { Logger } from '@cpns/telemetry';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { setMaxListeners } from 'node:events';
import { type RightChange, rightChangeOf } from './groups';
import { type ChangedRight, judgeRight, MemberRights } from './member-rights';
import { MembershipIndex, type PlaceSet } from './membership-index';
import { beforeDeadline, ProposeChange, type Waiting } from './propose-change';
import { Groups } from './read-groups';

/** Entities whose rights changed, none twice, in the order of their E. */
export interface EndedMembers extends RightChange {
  readonly members: readonly (ChangedRight & { readonly name: EntityName })[];
}

/** How it is by now. */
export interface EndedGroups {
  /** Ids of groups that the entities were taken out of, or taken back into. */
  readonly groupIds: ReadonlySet<string>;
  /** Whether each of these has its new version. */
  readonly complete: boolean;
}

interface Progress {
  readonly groupIds: Set<string>;
  complete: boolean;
}

/** Standings that an event changes, and those that show that it did. */
const CONCERNS: Readonly<Record<RightEvent, { readonly before: (standing: Standing) => boolean; after?: Standing }>> = {
  end: { before: hasPlace, after: 'left' },
  suspend: { before: (standing) => standing === 'member', after: 'suspended' },
  resume: { before: (standing) => standing === 'suspended', after: 'member' },
};

/** What is changed: an end concerns what there was when it was said, not what a later life has. */
const setsOf = (event: RightEvent): readonly PlaceSet[] => (event === 'end' ? ['ending'] : ['member-of']);

@Injectable()
export class EndMemberships implements OnApplicationShutdown {
  readonly #over = new AbortController();
  /** By what was asked for: the same call again waits for the same work. */
  readonly #underWay = new Map<string, { readonly progress: Progress; readonly work: Promise<void> }>();

  constructor(
    private readonly rights: MemberRights,
    private readonly index: MembershipIndex,
    private readonly groups: Groups,
    private readonly changes: ProposeChange,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {
    // each group that is being changed listens
    setMaxListeners(0, this.#over.signal);
  }

  /**
   * Resolves when all is changed, or at the call's deadline with what is changed by then: the rest goes on.
   * @throws CpnsError DEPENDENCY_UNAVAILABLE, STORED_RECORD_INVALID when it could not be written down; CALL_CANCELLED
   */
  async execute(ended: EndedMembers, call: Waiting): Promise<EndedGroups> {
    const { progress, work } = this.#begin(ended);
    await inTime(beforeDeadline(work, call, this.clock));
    return progress;
  }

  /** What {@link execute} would change. */
  async preview({ members, event }: EndedMembers): Promise<EndedGroups> {
    const rights = await this.rights.of(members.map(({ entity }) => entity));
    const judged = members.map((one) => ({ ...one, is: judgeRight(rights.get(one.entity), one, event) }));
    const named = (is: string) => judged.filter((one) => one.is === is).map(({ name }) => name);
    const groupIds = new Set<string>();
    const look = async (sets: readonly PlaceSet[], entities: readonly EntityName[]) => {
      for (const [groupId, some] of await this.index.byGroup(sets, entities))
        if ((await this.#concerned(groupId, some, CONCERNS[event].before)).length > 0) groupIds.add(groupId);
    };
    await look(['member-of', 'ending'], named('news'));
    await look(setsOf(event), named('known'));
    return { groupIds, complete: groupIds.size === 0 };
  }

  /** Before entities get places again: what an end is still to take them out of comes first. @throws as ProposeChange */
  async finish(groupId: string, entities: readonly EntityName[], call: Waiting): Promise<void> {
    const rights = await this.rights.of(entities.map(({ uri }) => uri));
    const ended = [...rights.values()].filter(({ endedLife }) => endedLife > 0n).map(({ entity }) => entity);
    const ending = new Set(await this.index.endingIn(groupId, ended));
    const names = entities.filter(({ uri }) => ending.has(uri));
    if (names.length === 0) return;
    const hadPlace = await this.#concerned(groupId, names, hasPlace);
    await this.#end(groupId, names, { event: 'end', keepGrace: false }, hadPlace, call);
  }

  async onApplicationShutdown(): Promise<void> {
    this.#over.abort(new CpnsError('CALL_CANCELLED', 'the service stops'));
    await Promise.allSettled([...this.#underWay.values()].map(({ work }) => work));
  }

  #begin(ended: EndedMembers) {
    const { event, keepGrace, members } = ended;
    const key = [event, keepGrace, ...members.map(({ entity, life, revision }) => [entity, life, revision])].join();
    const before = this.#underWay.get(key);
    if (before !== undefined) return before;
    const progress: Progress = { groupIds: new Set(), complete: false };
    const work = this.#carry(ended, progress).finally(() => this.#underWay.delete(key));
    // a call that did not wait until the end does not hear of it
    work.catch((error: unknown) => this.logger.warn('ended memberships were not changed', { event, error }));
    const begun = { progress, work };
    this.#underWay.set(key, begun);
    return begun;
  }

  async #carry({ members, event, keepGrace }: EndedMembers, progress: Progress): Promise<void> {
    const current = await this.rights.hear(members, event);
    const names = members.filter(({ entity }) => current.has(entity)).map(({ name }) => name);
    if (event === 'end')
      for (const groupId of (await this.index.byGroup(['ended'], names)).keys()) progress.groupIds.add(groupId);
    let complete = true;
    await forEach([...(await this.index.byGroup(setsOf(event), names))], async ([groupId, some]) => {
      if (!(await this.#change(groupId, some, { event, keepGrace }, progress))) complete = false;
    });
    progress.complete = complete;
  }

  /** @returns whether the group is as it has to be */
  async #change(groupId: string, names: readonly EntityName[], change: RightChange, progress: Progress) {
    const { before, after } = CONCERNS[change.event];
    if (this.#over.signal.aborted) return false;
    try {
      const isConcerned = (standing: Standing) => before(standing) || standing === after;
      const concerned = await this.#concerned(groupId, names, isConcerned);
      if (concerned.length > 0) progress.groupIds.add(groupId);
      const call = { deadline: Infinity, receivedAt: this.clock.now(), signal: this.#over.signal };
      if (change.event !== 'end') return await this.#changeCurrent(groupId, names, change, call);
      if (await this.#end(groupId, names, change, concerned, call)) progress.groupIds.add(groupId);
      return true;
    } catch (error) {
      this.logger.warn('ended memberships of a group were not changed', { group: groupId, event: change.event, error });
      return false;
    }
  }

  /** @param hadPlace E of those that had one @returns whether the group has a new version */
  async #end(
    groupId: string,
    names: readonly EntityName[],
    change: RightChange,
    hadPlace: readonly string[],
    call: Waiting,
  ): Promise<boolean> {
    const { revision } = await this.changes.execute(rightChangeOf(groupId, change, names), call);
    await this.index.finishEnd(
      groupId,
      names.map(({ uri }) => uri),
      hadPlace,
    );
    return revision !== undefined;
  }

  /**
   * A suspension, or its end, of those for whom it is still the last that was said.
   * @returns false where one that is to be taken back has no live key
   */
  async #changeCurrent(groupId: string, names: readonly EntityName[], change: RightChange, call: Waiting) {
    let isComplete = true;
    for (let left = names; left.length > 0;)
      try {
        await this.changes.execute(rightChangeOf(groupId, change, left), call);
        return isComplete;
      } catch (error) {
        if (!(error instanceof CpnsError)) throw error;
        const { reason, metadata } = error;
        const count = left.length;
        if (reason === 'MEMBER_WITHOUT_KEY') {
          left = left.filter(({ uri }) => uri !== metadata.entity);
          isComplete = false;
        } else if (reason === 'REQUEST_OVERTAKEN') left = await this.#stillMeant(left, change.event);
        if (left.length === count) throw error;
      }
    return isComplete;
  }

  async #stillMeant(names: readonly EntityName[], event: RightEvent): Promise<readonly EntityName[]> {
    const rights = await this.rights.of(names.map(({ uri }) => uri));
    return names.filter(({ uri }) => rights.get(uri)?.event === event);
  }

  /** E of those whose standing in a group is such a one. */
  async #concerned(groupId: string, names: readonly EntityName[], isSuch: (standing: Standing) => boolean) {
    const uris = names.map(({ uri }) => uri);
    const standings = await this.groups.standingsOf(groupId, uris);
    return uris.filter((uri) => isSuch(standings.get(uri) ?? 'stranger'));
  }
}

/** It is time to answer, and no failure. */
async function inTime(waiting: Promise<void>): Promise<void> {
  try {
    await waiting;
  } catch (error) {
    if (!(error instanceof DOMException) || error.name !== 'TimeoutError') throw error;
  }
}
