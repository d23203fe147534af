import { Clock, duration, forEach } from '@cpns/core';
import { BackgroundLoop, RecentRecords } from '@cpns/platform';
import { at, idsOf, Store } from '@cpns/store';
import { Logger } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { ServerConfig } from '../config';
import { Osg } from '../osg/osg';
import { DueGroups } from './due-groups';
import { GROUP, GROUP_KIND, groupAggregate } from './records';
import { RetireVersions } from './retire-versions';
import { RotateGroupKey } from './rotate-group-key';
import { dueOf, type Due } from './rotation';

/** How late a version may be destroyed, milliseconds; from the very moment on it is given out no more. */
const ROUND_EVERY = duration(15, 'second');
/** How late a version may be made by time, milliseconds. */
const LOOK_EVERY = duration(1, 'second');
/** Groups that are worked on at a time: changes of members are not to wait. */
const AT_ONCE = 4;
/** As many versions may be made for one group at a time, which had none ahead. */
const VERSIONS_MAX = 8;

/** When versions are made by time and retired: looks at all groups from time to time. How is the use cases'. */
@Injectable()
export class GroupKeyLoop extends BackgroundLoop {
  constructor(
    private readonly config: ServerConfig,
    private readonly soon: DueGroups,
    private readonly store: Store,
    private readonly recent: RecentRecords,
    private readonly rotate: RotateGroupKey,
    private readonly retire: RetireVersions,
    private readonly osg: Osg,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {
    super();
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.round(signal);
      this.osg.dropIdle();
      for (let waited = 0; waited < ROUND_EVERY && !signal.aborted; waited += LOOK_EVERY) {
        await sleep(LOOK_EVERY, undefined, { signal }).catch((error: unknown) => {
          if (!signal.aborted) throw error;
        });
        await this.#lookAt(this.soon.take(this.clock.now()), signal);
      }
    }
  }

  /** One look at every group; what fails is left to the next one. */
  async round(signal: AbortSignal): Promise<void> {
    try {
      for await (const groupIds of idsOf(this.store, GROUP_KIND)) await this.#lookAt(groupIds, signal);
    } catch (error) {
      this.logger.warn('groups could not be looked through for what is due', { error });
    }
  }

  #lookAt(groupIds: readonly string[], signal: AbortSignal): Promise<void> {
    const look = async (groupId: string) => {
      if (signal.aborted) return;
      await this.#look(groupId).catch((error: unknown) => {
        this.logger.warn('what is due for a group could not be done', { groupId, error });
      });
    };
    return forEach(groupIds, look, AT_ONCE);
  }

  async #look(groupId: string): Promise<void> {
    let due = await this.#dueOf(groupId);
    for (let made = 0; made < VERSIONS_MAX && due.prepareAt <= this.clock.now(); made++) {
      await this.rotate.byTime(groupId);
      due = await this.#dueOf(groupId);
    }
    if (due.prepareAt < this.clock.now() + ROUND_EVERY) this.soon.add(groupId, due.prepareAt);
    if (due.retire.length > 0) await this.retire.execute(groupId);
  }

  async #dueOf(groupId: string): Promise<Due> {
    const { head } = await this.recent.read(groupAggregate(groupId), { head: at(GROUP) });
    const times = { serverDelay: this.config.activationDelay, now: this.clock.now() };
    return head === undefined ? { retire: [], prepareAt: Infinity } : dueOf(head, times);
  }
}
