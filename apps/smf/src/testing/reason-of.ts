import { CpnsError } from '@cpns/core';

/** The reason of a refusal, or that there was none. */
export const reasonOf = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'accepted',
    (error: unknown) => {
      if (error instanceof CpnsError) return error.reason;
      throw error;
    },
  );
