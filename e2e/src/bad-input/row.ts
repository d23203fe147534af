import type { Code, Reason } from '@cpns/core';
import { changesBetween, sizeOf, type StoreState, type StoreWatch } from '../support/store-states';
import { Refusal } from '../support/wire';
import type { Port, World } from './world';

/** What issue and specification list as bad input; every one of them needs a row. */
export const ITEMS = [
  'a CSR that is not DER',
  'a CSR with a broken signature',
  'a CSR with a weak key',
  'a CSR with trailing bytes',
  'a SAN of another PN',
  'two SANs',
  'no SAN',
  'a DNS SAN',
  'a user-info trick',
  'a path trick',
  'an id that is empty',
  'an id that is over-long',
  'an id outside its pattern',
  'a token that is unknown',
  'a token that is used',
  'a token that is expired',
  'a token for another entity',
  'a token for another user',
  'a token for the other assigner',
  'a token with a wrong MAC',
  'a token with a swapped key',
  'a token that is revoked',
  'a proof that is replayed',
  'a proof that is stale',
  'a proof from the future',
  'a proof for another method',
  'a proof for another audience',
  'a proof for another body',
  'a wrong second seed',
  'a first seed that is spent',
  'a first seed that is expired',
  'a first seed of another PN',
  'a first seed that is unknown',
  'a first seed that is revoked',
  'a registration over a live key',
  'a target entity’s certificate above its role',
  'a gateway CA’s certificate above its role',
  'a revoked token registering again',
  'a spent token registering again',
  'a gateway CA’s certificate for an entity that the Server assigns',
  'a caller of the wrong role',
  'a caller of the wrong trust domain',
  'a message over the limit',
  'plaintext',
  'TLS 1.2',
  'a dependency that is down',
  'a wrong setting',
] as const;

/** The same of Service Groups and their keys. */
export const GROUP_ITEMS = [
  'a malformed description',
  'a malformed message',
  'a member without a registered key',
  'a stranger removed',
  'an unknown group',
  'a deleted group',
  'a group-id that is taken',
  'a group over its limit',
  'an entity named twice',
  'a closed group joined',
  'a removed member joining again',
  'a pull by whom the group is not for',
  'a pull for another PN',
  'a version before joining',
  'a version after leaving',
  'a version that has retired',
  'a version that was never made',
  'a revision from the future',
  'a revision repeated with other content',
  'a request id used for something else',
  'an acknowledgement from the future',
  'a channel opened out of order',
  'a forged statement',
  'an altered statement',
  'a replayed or lower statement',
  'a wrong GKC',
  'an envelope for another version',
  'an envelope for another member',
  'an envelope for another group',
  'an altered envelope',
  'content with a changed header',
  'altered content',
  'a replayed message',
  'a message of another group',
] as const;
export type Item = (typeof ITEMS)[number] | (typeof GROUP_ITEMS)[number];

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

/** One row of the table, with the type of what its message is prepared from. */
export interface RowOf<S> {
  /** What is altered; unique together with `at`. */
  readonly id: string;
  readonly item: Item;
  /** Of the specification, the protocol or the issue. */
  readonly clause: string;
  readonly at: Port | 'start' | 'device';
  /** Prepares both messages. Everything that the altered one needs is there afterwards. */
  readonly arrange: (world: World) => Promise<S>;
  /** Sends the unaltered message, which has to be accepted. */
  readonly good: (subject: S) => Promise<unknown>;
  /** What a service does once for itself and would otherwise do in the altered call; before the first dump. */
  readonly prelude?: (subject: S) => Promise<unknown>;
  /** Sends the altered one. @throws Refusal */
  readonly bad: (subject: S) => Promise<unknown>;
  /** Afterwards: what the refused message could have spent is still good. */
  readonly after?: (subject: S) => Promise<unknown>;
  readonly expect: Expectation;
  /**
   * What a refused change leaves in the journal of whoever proposed it, and nothing else: one line of the stores' changes.
   * Without it not a byte may change.
   */
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

export interface Row extends Omit<RowOf<never>, 'arrange' | 'good' | 'prelude' | 'bad' | 'after' | 'check'> {
  readonly prepare: (world: World) => Promise<Exchange>;
}

/** Makes a row one of a table: what its message is made from is its own affair. */
export function row<S>({ arrange, good, prelude, bad, after, check, ...shown }: RowOf<S>): Row {
  const prepare = async (world: World): Promise<Exchange> => {
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

/** What became of a row. */
export interface Outcome {
  readonly row: Row;
  readonly refusal: Refusal;
  /** Records, sets and logs that were compared. */
  readonly compared: number;
}

/** The refusal of a call. @throws Error when it was accepted */
export async function refusalOf(call: () => Promise<unknown>): Promise<Refusal> {
  try {
    await call();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error('the altered message was accepted');
}

/** A row whose unaltered message was accepted. */
export async function prepare(world: World, row: Row): Promise<Exchange> {
  const exchange = await row.prepare(world);
  await exchange.good();
  return exchange;
}

/**
 * The altered half of a row: sends the message, and looks at every store.
 * @param before the state of the stores, as the row before left it
 * @returns the state afterwards, which is the same one
 * @throws Error when it is accepted or leaves a trace
 */
export async function tryAltered(
  stores: StoreWatch,
  row: Row,
  exchange: Exchange,
  before: StoreState,
): Promise<{ readonly outcome: Outcome; readonly after: StoreState }> {
  const refusal = await refusalOf(exchange.bad);
  const { journal } = row;
  const after = journal === undefined ? await stores.since(before) : await stores.settled();
  const seen = changesBetween(before, after).filter((change) => journal?.test(change) !== true);
  const changes = row.at === 'device' ? seen : withoutRetirements(seen);
  if (changes.length > 0)
    throw new TraceError(`${refusal.message}, and the stores changed: ${changes.join('; ')}`, after);
  return { outcome: { row, refusal, compared: sizeOf(after) }, after };
}

const RETIRED = /^(device \d+ device\/self group:[A-Za-z0-9._-]+):version:\d+ was removed$/;

/** A device puts away a Group Key a minute after the next one took its place, whatever is asked of a service meanwhile. */
function withoutRetirements(changes: readonly string[]): string[] {
  const groups = changes.flatMap((change) => RETIRED.exec(change)?.[1] ?? []);
  const ofRetirement = new Set(groups.map((group) => `${group} was changed`));
  return changes.filter((change) => !RETIRED.test(change) && !ofRetirement.has(change));
}

/** A refusal that left something behind: the next row is measured against what is there now. */
export class TraceError extends Error {
  override readonly name = 'TraceError';

  constructor(
    message: string,
    readonly after: StoreState,
  ) {
    super(message);
  }
}
