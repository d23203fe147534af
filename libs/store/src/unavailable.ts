import { unavailable } from '@cpns/core';

/** The one error of a store that cannot be reached; what happened underneath stays in `cause`. */
export const storeUnavailable = (cause?: unknown) =>
  unavailable('DEPENDENCY_UNAVAILABLE', 'the store of this service does not answer; try again later', { cause });
