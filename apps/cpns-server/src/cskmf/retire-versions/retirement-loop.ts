import { duration } from '@cpns/core';
import { BackgroundLoop } from '@cpns/platform';
import { Store, idsOf } from '@cpns/store';
import { Logger } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { Osg } from '../../osg/osg';
import { GROUP_KIND } from '../records';
import { RetireVersions } from './retire-versions';

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
