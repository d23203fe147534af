/** What the rows of this suite are about, and how their altered message is tried while stores are looked at. */
import {
  refusalOf,
  row as anyRow,
  type Exchange,
  type Refusal,
  type Row as AnyRow,
  type RowOf as AnyRowOf,
} from '@cpns/testing/bad-input';
import { changesBetween, sizeOf, type StoreState, type StoreWatch } from '../support/store-states';
import type { World } from './world';

export type { Expectation } from '@cpns/testing/bad-input';
export type Row = AnyRow<World>;
export type RowOf<S> = AnyRowOf<S, World>;
export const row: <S>(spec: RowOf<S>) => Row = anyRow;

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

/** What became of a row. */
export interface Outcome {
  readonly row: Row;
  readonly refusal: Refusal;
  /** Records, sets and logs that were compared. */
  readonly compared: number;
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
