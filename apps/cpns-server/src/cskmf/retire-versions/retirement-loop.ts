import { setTimeout as sleep } from 'node:timers/promises';
import { GROUP_KIND } from '../../records/group-records';
import type { CskmfContext } from '../context';
import type { RetireVersions } from './retire-versions';

export interface RetirementLoopOptions {
  /** From the end of one round to the beginning of the next, milliseconds. */
  readonly every: number;
  readonly signal: AbortSignal;
}

const PAGE = 500;

/** When versions are retired: looks at all groups from time to time, until the signal aborts. How is {@link RetireVersions}'. */
export async function keepRetiring(
  cskmf: CskmfContext,
  retire: RetireVersions,
  { every, signal }: RetirementLoopOptions,
): Promise<void> {
  while (!signal.aborted) {
    await round(cskmf, retire, signal);
    cskmf.osg.dropIdle();
    await sleep(every, undefined, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }
}

/** One look at every group; what fails is left to the next one. */
async function round({ server, logger }: CskmfContext, retire: RetireVersions, signal: AbortSignal): Promise<void> {
  try {
    let cursor: string | undefined;
    do {
      const page = await server.store.list(GROUP_KIND, cursor, PAGE);
      for (const groupId of page.items) {
        if (signal.aborted) return;
        await retire.execute(groupId).catch((error: unknown) => {
          logger.warn('versions of a group could not be retired', { groupId, error });
        });
      }
      cursor = page.next;
    } while (cursor !== undefined);
  } catch (error) {
    logger.warn('groups could not be looked through for versions to retire', { error });
  }
}
