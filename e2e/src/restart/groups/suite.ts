import type { RunningRedis } from '@cpns/store/testing';
import { killSuite } from '../kill-suite';
import { isOfAnother, isRacy } from './group-due';
import { GROUP_FLOWS } from './group-flows';
import { GroupHouse } from './group-house';

/** The flows of Service Groups: KMC and SMF die too, and every flow has a group of its own. */
export const groupRestartSuite = (storeName: string, startRedis?: () => Promise<RunningRedis>): void =>
  killSuite({
    what: ' of the group flows',
    storeName,
    startRedis,
    start: (redisUrl) => GroupHouse.start(redisUrl),
    flows: GROUP_FLOWS,
    played: ({ name, due, ...flow }, groups) => ({
      name,
      due,
      prepare: () => flow.prepare(groups),
      isOfAnother: isOfAnother(due),
      isRacy,
    }),
    flowMs: 1_800_000,
  });
