import { CpnsError } from '@cpns/core';

/** The CpnsError that a call fails with, or `undefined`; any other error goes on. */
export async function failureOf(run: () => unknown): Promise<CpnsError | undefined> {
  try {
    await run();
  } catch (error) {
    if (error instanceof CpnsError) return error;
    throw error;
  }
  return undefined;
}

/** Its reason, or `accepted`. */
export const reasonOf = async (run: () => unknown): Promise<string> => (await failureOf(run))?.reason ?? 'accepted';

/** The same bytes with one bit of the byte at `at` turned over. */
export function flipped(bytes: Uint8Array, at = 0): Buffer {
  const out = Buffer.from(bytes);
  out[at] = out.readUInt8(at) ^ 1;
  return out;
}
