/** Keyrings of one group whose versions become active one after the other. */
import { GroupKey } from '@cpns/core';
import { SeededRandom } from '@cpns/core/testing';
import { type AcceptanceContext, acceptStatement, emptyKeyring, holdGroupKey, type Keyring } from '../keyring';
import { endStatement, type Statement } from '../statement';
import { testVersion, type TestVersion } from './test-server';

export const GROUP = 'living-room';
const random = new SeededRandom('keyring');
export const START = 1_000_000_000;
/** Versions of which each becomes active 100 s after the one before, and may be sealed with for 1,000 s. */
export const at = (version: bigint): number => START + Number(version) * 100_000;
const made = new Map<bigint, TestVersion>();
export const version = (n: bigint, edit: Partial<Statement> = {}): TestVersion => {
  const known = made.get(n) ?? testVersion(0, random, { groupId: GROUP, version: n });
  made.set(n, known);
  const times = { activateAt: at(n), sealUntil: at(n) + 1_000_000 };
  return { groupKey: new GroupKey(known.groupKey.expose()), statement: { ...known.statement, ...times, ...edit } };
};

export const take = (
  keyring: Keyring,
  { statement, groupKey }: TestVersion,
  context: AcceptanceContext = { now: 0 },
): Keyring => holdGroupKey(acceptStatement(keyring, statement, context).keyring, statement.version, groupKey);
export const holding = (...numbers: bigint[]): Keyring =>
  numbers.reduce((keyring, n) => take(keyring, version(n)), emptyKeyring(GROUP));
export const ended = (last: bigint, activateAt = at(last + 1n)): Keyring =>
  acceptStatement(holding(last), endStatement(GROUP, last, activateAt), { now: 0 }).keyring;
export const numbersOf = ({ versions }: Keyring) => versions.map(({ statement }) => statement.version);

/** A version that was made for a removal, an emergency or for a join, and is active from then on. */
export const madeAt = (keyring: Keyring, n: bigint, activateAt: number): Keyring =>
  take(keyring, version(n, { activateAt, sealUntil: activateAt + 1_000_000 }));
/** A statement that came without its key. */
export const told = (keyring: Keyring, n: bigint, activateAt = at(n)): Keyring =>
  acceptStatement(keyring, version(n, { activateAt }).statement, { now: 0 }).keyring;
