/**
 * How versions come to their end (GROUP_KEY_VERSION_LIFE_CYCLE: `grace -> retired`). By the clock alone a version is retired
 * and given out no more; this destroys it at the KMC and tidies up after it. What a crash leaves undone the next round does.
 */
import { Clock, duration, parseEntityUri } from '@cpns/core';
import { BackgroundLoop } from '@cpns/platform';
import { at, expiring, idsOf, Records, Store, type Aggregate, type RecordRef, type SetChange } from '@cpns/store';
import { Logger } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { Osg } from '../osg/osg';
import { withoutCommitment } from './group-change';
import { isGoneFrom } from './spans';
import {
  GROUP,
  GROUP_KIND,
  groupAggregate,
  leaversSet,
  overdue,
  RECIPIENT,
  recipientName,
  recipientsSet,
  RETIRED_VERSIONS,
  RETIRED_VERSIONS_MAX,
  RETIREMENT,
  type GroupKeyVersion,
} from './records';

/** How long one replica has for a group before another may take over. */
const CLAIM_MS = duration(1, 'minute');
const PAGE = 500;

@Injectable()
export class RetireVersions {
  constructor(
    private readonly store: Store,
    private readonly records: Records,
    private readonly osg: Osg,
    private readonly clock: Clock,
  ) {}

  /**
   * @returns how many versions of the group were retired here; 0 too when another replica is at it
   * @throws CpnsError DEPENDENCY_UNAVAILABLE, DEADLINE: the next round, here or elsewhere, goes on
   */
  async execute(groupId: string): Promise<number> {
    const aggregate = groupAggregate(groupId);
    const { head } = await this.records.read(aggregate, { head: at(GROUP) });
    // a group that is deleted is destroyed as a whole
    if (head === undefined || head.deletedAt !== undefined) return 0;
    if (overdue(head, this.clock.now()).length === 0) return 0;
    const due = await this.#claim(aggregate);
    for (const { version } of due) await this.osg.destroyVersion(groupId, version);
    // a recipient that left with the version after one of these is given none of those that remain
    for (const { version } of due) await this.#forgetLeavers(aggregate, version + 1n);
    if (due.length > 0) await this.#finish(aggregate, due);
    return due.length;
  }

  /** What is due, for this replica alone. */
  #claim(aggregate: Aggregate): Promise<readonly GroupKeyVersion[]> {
    return this.records.transact(aggregate, { head: at(GROUP), claim: at(RETIREMENT) }, ({ head, claim }) => {
      const now = this.clock.now();
      const due = head === undefined || claim !== undefined ? [] : overdue(head, now);
      if (due.length === 0) return { result: due };
      return { result: due, put: { claim: expiring({ claimedAt: now }, now + CLAIM_MS) } };
    });
  }

  #finish(aggregate: Aggregate, due: readonly GroupKeyVersion[]): Promise<void> {
    const wanted = { head: at(GROUP), retired: at(RETIRED_VERSIONS), claim: at(RETIREMENT) };
    return this.records.transact(aggregate, wanted, ({ head, retired }) => {
      const numbers = new Set(due.map(({ version }) => version));
      const ended = (head?.versions ?? []).filter(({ version }) => numbers.has(version));
      if (head === undefined || ended.length === 0) return { result: undefined, put: { claim: null } };
      const versions = [...(retired?.versions ?? []), ...ended.map(withoutCommitment)].slice(-RETIRED_VERSIONS_MAX);
      return {
        result: undefined,
        put: {
          head: { ...head, versions: head.versions.filter(({ version }) => !numbers.has(version)) },
          retired: { versions },
          claim: null,
        },
      };
    });
  }

  /** Takes those out of the sets of recipients that left with a version, unless they came back. */
  async #forgetLeavers(aggregate: Aggregate, version: bigint): Promise<void> {
    for (;;) {
      const { items } = await this.store.members(aggregate, leaversSet(version), undefined, PAGE);
      if (items.length === 0) return;
      await this.#forget(aggregate, version, items);
    }
  }

  #forget(aggregate: Aggregate, version: bigint, entities: readonly string[]): Promise<void> {
    const wanted: Record<string, RecordRef<typeof RECIPIENT.fields>> = Object.fromEntries(
      entities.map((entity) => [entity, at(RECIPIENT, recipientName(entity))]),
    );
    return this.records.transact(aggregate, wanted, (found) => ({
      result: undefined,
      removeFrom: entities.flatMap((entity): SetChange[] => [
        { set: leaversSet(version), member: entity },
        ...(isGoneFrom(found[entity]?.spans ?? [], version)
          ? [{ set: recipientsSet(parseEntityUri(entity).pnId), member: entity }]
          : []),
      ]),
    }));
  }
}

/** How late a version may be destroyed; from the very moment on it is given out no more. */
const RETIRE_EVERY = duration(15, 'second');

/** When versions are retired: looks at all groups from time to time. How is {@link RetireVersions}'. */
@Injectable()
export class RetirementLoop extends BackgroundLoop {
  constructor(
    private readonly store: Store,
    private readonly retire: RetireVersions,
    private readonly osg: Osg,
    private readonly logger: Logger,
  ) {
    super();
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#round(signal);
      this.osg.dropIdle();
      await sleep(RETIRE_EVERY, undefined, { signal }).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
    }
  }

  /** One look at every group; what fails is left to the next one. */
  async #round(signal: AbortSignal): Promise<void> {
    try {
      for await (const groupIds of idsOf(this.store, GROUP_KIND))
        for (const groupId of groupIds) {
          if (signal.aborted) return;
          await this.retire.execute(groupId).catch((error: unknown) => {
            this.logger.warn('versions of a group could not be retired', { groupId, error });
          });
        }
    } catch (error) {
      this.logger.warn('groups could not be looked through for versions to retire', { error });
    }
  }
}
