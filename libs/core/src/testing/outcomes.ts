import type * as FastCheck from 'fast-check';
import { CpnsError, type Reason } from '..';

function asFailure(error: unknown): CpnsError {
  if (error instanceof CpnsError) return error;
  throw error;
}

/** What a call returns, or the reason of the CpnsError that it throws; any other error goes on. */
export function outcomeOf<T>(run: () => T): T | Reason {
  try {
    return run();
  } catch (error) {
    return asFailure(error).reason;
  }
}

/** The CpnsError that a call throws; any other error goes on. */
export function failureOf(run: () => unknown): CpnsError | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return asFailure(error);
  }
}

/** {@link failureOf} of a call that throws or rejects, or of what it has returned. */
export async function failureOfAsync(run: (() => unknown) | Promise<unknown>): Promise<CpnsError | undefined> {
  try {
    await (typeof run === 'function' ? run() : run);
    return undefined;
  } catch (error) {
    return asFailure(error);
  }
}

const textOf = (failure: CpnsError | undefined): string =>
  failure === undefined ? 'accepted' : [failure.reason, failure.metadata.check ?? []].flat().join(' ');

/** The reason of a refusal, with the check that failed where it says so, or `accepted`. */
export const reasonOf = (run: () => unknown): string => textOf(failureOf(run));
/** {@link reasonOf}, with the field that the refusal names. */
export const faultOf = (run: () => unknown): string => {
  const failure = failureOf(run);
  return [textOf(failure), failure?.metadata.field ?? []].flat().join(' ');
};
/** {@link reasonOf} of a call that throws or rejects, or of what it has returned. */
export const reasonOfAsync = async (run: Parameters<typeof failureOfAsync>[0]): Promise<string> =>
  textOf(await failureOfAsync(run));

/** The same bytes with one bit of the byte at `at` turned over; counted from the end when negative. */
export function flipped(bytes: Uint8Array, at = 0): Buffer {
  const out = Buffer.from(bytes);
  const index = at < 0 ? out.length + at : at;
  out[index] = out.readUInt8(index) ^ 1;
  return out;
}

/** Asks again until the assertion holds, however slow the machine is; fails with its last failure after `limitMs`. */
export async function eventually<T>(assertion: () => T | Promise<T>, limitMs = 10_000): Promise<T> {
  for (const until = Date.now() + limitMs; ; await new Promise((resolve) => setTimeout(resolve, 5))) {
    try {
      return await assertion();
    } catch (error) {
      if (Date.now() > until) throw error;
    }
  }
}

/** Declares a test that the predicate holds for whatever the arbitraries make (fast-check). */
export function itHolds<T extends [unknown, ...unknown[]]>(
  title: string,
  arbitraries: { readonly [K in keyof T]: FastCheck.Arbitrary<T[K]> },
  predicate: (...values: T) => unknown,
  options?: FastCheck.Parameters<T>,
): void {
  it(title, async () => {
    // loaded where there is a property: it takes longer than most specs
    const { assert, asyncProperty } = jest.requireActual<typeof FastCheck>('fast-check');
    await assert(
      asyncProperty(...arbitraries, async (...values: T) => (await predicate(...values)) as boolean),
      options,
    );
  });
}
