import { duration } from '@cpns/core';

/** A change of a group is answered once its Group Key is ready: SMF, CPNS Server and KMC have all committed it. */
export const CHANGE_DEADLINE = { deadlineMs: duration(30, 'second') };
