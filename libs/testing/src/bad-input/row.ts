/** One row of "What bad input gets": a message that is accepted, and the same with one thing wrong, which is refused. */
import { CpnsError, type Code, type Reason } from '@cpns/core';
import type { Store } from '@cpns/store';
import { changesBetweenDumps, dump } from '@cpns/store/testing';
import { Refusal } from './wire';

export interface Expectation {
  readonly code: Code;
  /**
   * Of google.rpc.ErrorInfo. Where no service answers there is none: what stands for it is the TLS alert, or, of a
   * connection that was ended without one, what OpenSSL has against the certificate.
   */
  readonly reason: Reason | `alert: ${string}` | `closed: ${string}` | 'no HTTP/2';
  /** The field that the error's details name. */
  readonly field?: string;
}

/** One row, with the type of what its message is prepared from, and of the world that it is tried in. */
export interface RowOf<S, W> {
  /** What is altered; unique together with `at`. */
  readonly id: string;
  /** What issue and specification list as bad input. */
  readonly item: string;
  /** Of the specification, the protocol or the issue. */
  readonly clause?: string;
  /** The port, or `start` or `device`. */
  readonly at: string;
  /** `CODE/REASON`, and the field that the details name, after a space. */
  readonly expect: Expectation | string;
  /** Prepares both messages. Everything that the altered one needs is there afterwards. */
  readonly arrange: (world: W) => Promise<S>;
  /** Sends the unaltered message, which has to be accepted. */
  readonly good: (subject: S) => Promise<unknown>;
  /** What a service does once for itself and would otherwise do in the altered call; before the first dump. */
  readonly prelude?: (subject: S) => Promise<unknown>;
  /** Sends the altered one. @throws Refusal */
  readonly bad: (subject: S) => Promise<unknown>;
  /** Afterwards: what the refused message could have spent is still good. */
  readonly after?: (subject: S) => Promise<unknown>;
  /** What a refused change leaves in the journal of its proposer: one line of the stores' changes; nothing without it. */
  readonly journal?: RegExp;
  /** More about the refusal. @throws what a failed assertion throws */
  readonly check?: (refusal: Refusal, subject: S) => void;
}

/** A row whose message is ready to be sent. */
export interface Exchange {
  readonly good: () => Promise<unknown>;
  readonly prelude: () => Promise<unknown>;
  readonly bad: () => Promise<unknown>;
  readonly after: () => Promise<unknown>;
  readonly check: (refusal: Refusal) => void;
}

export interface Row<W> extends Pick<RowOf<never, W>, 'id' | 'item' | 'clause' | 'at' | 'expect' | 'journal'> {
  readonly prepare: (world: W) => Promise<Exchange>;
}

/** Makes a row one of a table: what its message is made from is its own affair. */
export function row<S, W>({ arrange, good, prelude, bad, after, check, ...shown }: RowOf<S, W>): Row<W> {
  const prepare = async (world: W): Promise<Exchange> => {
    const subject = await arrange(world);
    return {
      good: () => good(subject),
      prelude: () => prelude?.(subject) ?? Promise.resolve(),
      bad: () => bad(subject),
      after: () => after?.(subject) ?? Promise.resolve(),
      check: (refusal) => check?.(refusal, subject),
    };
  };
  return { ...shown, prepare };
}

/** `CODE/REASON`, and the field where one is expected. */
export const expectationOf = ({ expect }: Pick<Row<never>, 'expect'>): string =>
  typeof expect === 'string' ? expect : [`${expect.code}/${expect.reason}`, expect.field].filter(Boolean).join(' ');

const fieldOf = ({ expect }: Pick<Row<never>, 'expect'>): string | undefined =>
  typeof expect === 'string' ? / (.+)$/.exec(expect)?.[1] : expect.field;

/** What a refusal says, as far as the row tells what it has to say. */
export const saidBy = (one: Pick<Row<never>, 'expect'>, { code, reason, metadata }: Refusal): string =>
  `${code}/${reason}${fieldOf(one) === undefined ? '' : ` ${metadata.field}`}`;

/** The name of its test. */
export const titleOf = (one: Row<never>): string => `${one.id}, ${one.at}: ${expectationOf(one)}`;
export const titled = <R extends Row<never>>(rows: readonly R[]) => rows.map((one) => [titleOf(one), one] as const);

/** The refusal of a call, also where this project's own client made an error of it. @throws Error when it was accepted */
export async function refusalOf(call: () => Promise<unknown>): Promise<Refusal> {
  const startedAt = Date.now();
  try {
    await call();
  } catch (error) {
    if (error instanceof Refusal) return error;
    if (!(error instanceof CpnsError)) throw error;
    return new Refusal(error.code, error.reason, error.metadata, error.message, Date.now() - startedAt);
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
  const exchange = await one.prepare(world);
  await exchange.good();
  await exchange.prelude();
  const before = await dump(store);
  const refusal = await refusalOf(() => around(exchange.bad));
  expect(saidBy(one, refusal)).toBe(expectationOf(one));
  expect(changesBetweenDumps(before, await dump(store))).toEqual([]);
  exchange.check(refusal);
  await exchange.after();
}

/** The first row of each item at each port: what is tried over the wire. */
export function onePerPair<R extends Row<never>>(rows: readonly R[]): R[] {
  const seen = new Set<string>();
  return rows.filter(({ item, at }) => {
    const isFirst = !seen.has(`${item}, ${at}`);
    seen.add(`${item}, ${at}`);
    return isFirst;
  });
}
