import { CpnsError } from '@cpns/core';

/** The CpnsError that a call fails with, or `undefined`; any other error goes on. */
export function failureOf(run: () => unknown): CpnsError | undefined {
  try {
    run();
  } catch (error) {
    if (error instanceof CpnsError) return error;
    throw error;
  }
  return undefined;
}

/** Its reason, with what the check was where it says so, or `accepted`. */
export function reasonOf(run: () => unknown): string {
  const failure = failureOf(run);
  if (failure === undefined) return 'accepted';
  const { check } = failure.metadata;
  return check === undefined ? failure.reason : `${failure.reason} ${check}`;
}

/** The same bytes with one bit of the byte at `at` turned over; counted from the end when negative. */
export function flipped(bytes: Uint8Array, at = 0): Buffer {
  const out = Buffer.from(bytes);
  const index = at < 0 ? out.length + at : at;
  out[index] = (out[index] ?? 0) ^ 1;
  return out;
}
