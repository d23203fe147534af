/** One row of "What bad input gets": a message that is accepted, and the same with one thing wrong, which is refused. */
import { CpnsError, REASONS, type Reason } from '@cpns/core';
import type { Store } from '@cpns/store';
import { changesBetweenDumps, dump } from '@cpns/store/testing';
import { Refusal } from './wire';

/**
 * The reason of google.rpc.ErrorInfo, and after a space the field that the details name. Where no service answers, the TLS
 * alert stands for it, or what OpenSSL has against the certificate of a connection that was ended without one.
 */
export type Expected = Reason | `${Reason} ${string}` | `alert: ${string}` | `closed: ${string}` | 'no HTTP/2';

/** Both messages of a row, ready to be sent. */
export interface Exchange {
  /** Sends the unaltered message, which has to be accepted. */
  readonly good: () => Promise<unknown>;
  /** Sends the altered one. @throws Refusal */
  readonly bad: () => Promise<unknown>;
  /** Afterwards: what the refused message could have spent is still good. */
  readonly after?: (() => Promise<unknown>) | undefined;
  /** More about the refusal. @throws what a failed assertion throws */
  readonly check?: ((refusal: Refusal) => void) | undefined;
}

export interface Row<W> {
  /** What is altered; unique together with `at`. */
  readonly id: string;
  /** What issue and specification list as bad input. */
  readonly item: string;
  /** The port, or `start` or `device`. */
  readonly at: string;
  readonly expect: Expected;
  /** What a refused message leaves, such as a spent nonce: one line of the stores' changes; nothing without it. */
  readonly journal?: RegExp | undefined;
  /** Makes everything that the altered message needs. */
  readonly prepare: (world: W) => Exchange | Promise<Exchange>;
}
type Told = Pick<Row<never>, 'expect'>;

/** How the lines of the tables begin. */
export type Shown = readonly [id: string, item: string, expect: Expected];
export const row = <W>(
  [id, item, expect]: Shown,
  at: string,
  prepare: Row<W>['prepare'],
  journal?: RegExp,
): Row<W> => ({ id, item, at, expect, prepare, journal });

/** `CODE/REASON`, and the field where one is expected. */
export function expectationOf({ expect }: Told): string {
  const reason = expect.replace(/ .*/, '');
  return `${reason in REASONS ? REASONS[reason as Reason].code : 'UNAVAILABLE'}/${expect}`;
}

/** What a refusal says, as far as the row tells what it has to say. */
export const saidBy = ({ expect }: Told, { code, reason, metadata }: Refusal): string =>
  `${code}/${reason}${/^[A-Z_]+ /.test(expect) ? ` ${metadata.field}` : ''}`;

/** Rows with the names of their tests. */
export const titled = <R extends Row<never>>(rows: readonly R[]) =>
  rows.map((one) => [`${one.id}, ${one.at}: ${expectationOf(one)}`, one] as const);

/** The refusal of a call, also where this project's own client made an error of it. @throws Error when it was accepted */
export async function refusalOf(call: () => Promise<unknown>): Promise<Refusal> {
  try {
    await call();
  } catch (error) {
    if (error instanceof Refusal) return error;
    if (!(error instanceof CpnsError)) throw error;
    return new Refusal(error.code, error.reason, error.metadata, error.message);
  }
  throw new Error('the altered message was accepted');
}

/** For rows that are tried one by one in a process of the test's own. */
export interface Trial {
  readonly store: Store;
  /** What is around the altered message, such as a peer that refuses it. */
  readonly around?: (bad: () => Promise<unknown>) => Promise<unknown>;
}

/** The unaltered message is accepted, the altered one refused, nothing in the store changed, and nothing is spent. */
export async function tryRow<W>(world: W, one: Row<W>, { store, around = (bad) => bad() }: Trial): Promise<void> {
  const { good, bad, after, check } = await one.prepare(world);
  await good();
  const before = await dump(store);
  const refusal = await refusalOf(() => around(bad));
  expect(saidBy(one, refusal)).toBe(expectationOf(one));
  const changes = changesBetweenDumps(before, await dump(store));
  expect(changes.filter((change) => one.journal?.test(change) !== true)).toEqual([]);
  check?.(refusal);
  await after?.();
}

/** The first row of each item at each port: what is tried over the wire. */
export const onePerPair = <R extends Row<never>>(rows: readonly R[]): R[] =>
  rows.filter((one, index) => rows.findIndex(({ item, at }) => item === one.item && at === one.at) === index);
