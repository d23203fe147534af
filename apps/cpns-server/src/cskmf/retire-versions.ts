/**
 * How versions come to their end (GROUP_KEY_VERSION_LIFE_CYCLE: `grace -> retired`). By the clock alone a version is retired
 * and given out no more; this destroys it at the KMC and tidies up after it. What a crash leaves undone the next round does.
 */
import { Clock, duration, parseEntityUri } from '@cpns/core';
import { at, expiring, Records, Store, type Aggregate, type RecordRef, type SetChange } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { Osg } from '../osg/osg';
import { isGoneFrom } from './spans';
import {
  GROUP,
  groupAggregate,
  leaversSet,
  overdue,
  RECIPIENT,
  recipientName,
  recipientsSet,
  RETIRED_VERSIONS,
  RETIREMENT,
  withRetired,
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
      return {
        result: undefined,
        put: {
          head: { ...head, versions: head.versions.filter(({ version }) => !numbers.has(version)) },
          retired: withRetired(retired, ended),
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
