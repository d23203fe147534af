/**
 * What one member knows of one group's keys, and what it may do with them (protocol.md, "Group Key"; SECA in the PNE).
 * Plain rules over plain data: statements are JSON with bigint and bytes, Group Keys are secrets beside them, and nothing
 * here reads a clock or a store.
 */
import { failedPrecondition, type GroupKey } from '@cpns/core';
import { requireCommitment } from './envelope';
import { endsGroup, GRACE_MS, stateAmong, type Statement, supersededAt } from './statement';

/** One version that a member knows of. */
export interface KnownVersion {
  readonly statement: Statement;
  /** There once an envelope was opened; never for the statement that the group was deleted, or for one that came alone. */
  readonly groupKey?: GroupKey;
}

/** A version whose key is there. */
type HeldVersion = Required<KnownVersion>;

export interface Keyring {
  readonly groupId: string;
  /** Every version up to it has retired and was destroyed; 0 at the beginning. */
  readonly retiredThrough: bigint;
  /** Rising; the last one is the highest statement. */
  readonly versions: readonly KnownVersion[];
}

export const emptyKeyring = (groupId: string): Keyring => ({ groupId, retiredThrough: 0n, versions: [] });

/** The highest statement about the group, if there is any. */
export const highestOf = ({ versions }: Keyring): KnownVersion | undefined => versions.at(-1);

/** True once the group was deleted, for good. */
export function isEnded(keyring: Keyring): boolean {
  const highest = highestOf(keyring);
  return highest !== undefined && endsGroup(highest.statement);
}

/** The versions of `next` that `before` has not got, or has otherwise. */
export const changedVersions = (before: Keyring, next: Keyring): readonly KnownVersion[] =>
  next.versions.filter(
    ({ statement, groupKey }) =>
      !before.versions.some((known) => known.statement === statement && known.groupKey === groupKey),
  );

/** Numbers of the versions that `next` has no longer, rising. */
export function goneVersions(before: Keyring, next: Keyring): readonly bigint[] {
  const kept = new Set(next.versions.map(({ statement }) => statement.version));
  return before.versions.map(({ statement }) => statement.version).filter((version) => !kept.has(version));
}

export const sameKeyring = (a: Keyring, b: Keyring): boolean =>
  a.retiredThrough === b.retiredThrough && changedVersions(a, b).length + goneVersions(a, b).length === 0;

const at = (statement: Statement) => ({ group: statement.groupId, version: String(statement.version) });

const groupDeleted = (groupId: string) =>
  failedPrecondition('GROUP_DELETED', 'the Service Group was deleted; its id is never used again', {
    metadata: { group: groupId },
  });

const conflict = (statement: Statement, what: string) =>
  failedPrecondition('STATEMENT_CONFLICT', `the statement contradicts one that was seen before: ${what}`, {
    metadata: at(statement),
  });

const retired = (groupId: string, version: bigint) =>
  failedPrecondition('VERSION_RETIRED', 'the Group Key version is no longer in use', {
    metadata: { group: groupId, version: String(version) },
  });

const unknownVersion = (groupId: string, version?: bigint) =>
  failedPrecondition('GROUP_KEY_UNKNOWN', 'the device has no Group Key of that version: pull it', {
    metadata: { group: groupId, ...(version !== undefined && { version: String(version) }) },
  });

/** What a statement is to a keyring. */
export type Acceptance =
  /** Higher than all before. */
  | 'newer'
  /** Seen before; a later seal-until was taken over. */
  | 'known'
  /** Of a lower version, which this device asked for: for opening only. */
  | 'asked';

export interface AcceptanceContext {
  /** Unix milliseconds. */
  readonly now: number;
  /** The one version that this device asked for, where the statement answers a pull by version. */
  readonly asked?: bigint | undefined;
}

export interface Received {
  readonly keyring: Keyring;
  readonly acceptance: Acceptance;
}

const compare = (a: Statement, b: Statement): number =>
  a.version === b.version ? Number(a.treeRevision - b.treeRevision) : a.version < b.version ? -1 : 1;

/**
 * Takes in a statement whose signature was verified. A keyring that is given back is not to be kept before the key of
 * the version was unwrapped and fits: see {@link receiveGroupKey}, which does all of it.
 * @throws CpnsError GROUP_DELETED; STATEMENT_LOWER; STATEMENT_CONFLICT; VERSION_RETIRED for a lower version that was asked
 *   for and opens nothing more
 */
export function acceptStatement(keyring: Keyring, statement: Statement, context: AcceptanceContext): Received {
  if (statement.groupId !== keyring.groupId) throw conflict(statement, 'it is about another group');
  const highest = highestOf(keyring)?.statement;
  if (highest === undefined) return { keyring: insert(keyring, { statement }), acceptance: 'newer' };
  if (endsGroup(highest) && !(endsGroup(statement) && compare(statement, highest) === 0))
    throw groupDeleted(keyring.groupId);
  if (statement.version < highest.version) return acceptLower(keyring, statement, context);
  if (statement.version > highest.version) return { keyring: insert(keyring, { statement }), acceptance: 'newer' };
  return renew(keyring, statement);
}

/** A lower version is taken only where this device asked for that very version, and while it still opens. */
function acceptLower(keyring: Keyring, statement: Statement, { now, asked }: AcceptanceContext): Received {
  const { version } = statement;
  if (asked !== version)
    throw failedPrecondition('STATEMENT_LOWER', 'a newer statement about the group was seen before', {
      metadata: { ...at(statement), highest: String(highestOf(keyring)?.statement.version) },
    });
  if (endsGroup(statement)) throw conflict(statement, 'the group went on after it');
  if (version <= keyring.retiredThrough) throw retired(keyring.groupId, version);
  if (keyring.versions.some((known) => known.statement.version === version)) return renew(keyring, statement);
  const grown = insert(keyring, { statement });
  if (isRetired(grown, statement, now)) throw retired(keyring.groupId, version);
  return { keyring: grown, acceptance: 'asked' };
}

/** Another statement about a version that is known. */
function renew(keyring: Keyring, statement: Statement): Received {
  const known = keyring.versions.find((one) => one.statement.version === statement.version);
  if (known === undefined) throw new RangeError('only a known version is renewed');
  // a version has one key, whatever happens to the tree beside it
  if (!known.statement.commitment.equals(statement.commitment))
    throw conflict(statement, 'another key for one version');
  const order = compare(statement, known.statement);
  if (order < 0)
    throw failedPrecondition('STATEMENT_LOWER', 'a statement with a later tree revision was seen before', {
      metadata: at(statement),
    });
  if (order > 0) return { keyring: insert(keyring, { ...known, statement }), acceptance: 'newer' };
  const later = statement.sealUntil > known.statement.sealUntil ? statement : known.statement;
  return { keyring: insert(keyring, { ...known, statement: later }), acceptance: 'known' };
}

/** With one version set, in its place. */
function insert(keyring: Keyring, known: KnownVersion): Keyring {
  const { version } = known.statement;
  const below = keyring.versions.filter((one) => one.statement.version < version);
  const above = keyring.versions.filter((one) => one.statement.version > version);
  return { ...keyring, versions: [...below, known, ...above] };
}

/**
 * Puts an unwrapped key to its version.
 * @throws CpnsError COMMITMENT_MISMATCH; GROUP_KEY_UNKNOWN when the version is not in the keyring
 */
export function holdGroupKey(keyring: Keyring, version: bigint, groupKey: GroupKey): Keyring {
  const known = keyring.versions.find(({ statement }) => statement.version === version);
  if (known === undefined) throw unknownVersion(keyring.groupId, version);
  requireCommitment(groupKey, known.statement);
  return insert(keyring, { ...known, groupKey });
}

const statementsOf = ({ versions }: Keyring) => versions.map(({ statement }) => statement);

/** Whether a known version opens nothing any more, by all versions above it that are known. */
const isRetired = (keyring: Keyring, statement: Statement, now: number): boolean =>
  stateAmong(statement, statementsOf(keyring), now) === 'retired';

/**
 * The version that members seal with now, or else the one that becomes active first.
 * @throws CpnsError GROUP_KEY_UNKNOWN where the next known version follows one that is not known: that may be in use already,
 *   because a member was removed
 */
function versionInUse({ groupId, versions }: Keyring, now: number): KnownVersion | undefined {
  const index = versions.findLastIndex(({ statement }) => statement.activateAt <= now);
  const [inUse, next] = [versions[index], versions[index + 1]];
  if (inUse === undefined) return [...versions].sort((a, b) => a.statement.activateAt - b.statement.activateAt).at(0);
  if (next !== undefined && next.statement.previous > inUse.statement.version)
    throw unknownVersion(groupId, next.statement.previous);
  return inUse;
}

/**
 * The highest version, from the newest down to the one in use, that has to be pulled by its number: its key is missing, or it
 * is in use below the newest and its seal-until is over.
 * @param now Unix milliseconds
 */
export function missingVersion(keyring: Keyring, now: number): bigint | undefined {
  const newest = highestOf(keyring)?.statement;
  if (newest === undefined || endsGroup(newest)) return undefined;
  let { version } = newest;
  while (version > keyring.retiredThrough) {
    const known = keyring.versions.find(({ statement }) => statement.version === version);
    if (known?.groupKey === undefined) return version;
    const { activateAt, sealUntil, previous } = known.statement;
    if (activateAt <= now) return version < newest.version && now > sealUntil ? version : undefined;
    version = previous;
  }
  return undefined;
}

/**
 * The one version that this member seals with: the highest that has reached its activate-at. Never one below that, also
 * where its key is missing or its seal-until over.
 * @param now Unix milliseconds
 * @throws CpnsError GROUP_DELETED; GROUP_KEY_UNKNOWN; VERSION_NOT_ACTIVE before its activate-at, SEAL_PERIOD_OVER after
 *   its seal-until, each with that time as metadata
 */
export function sealableVersion(keyring: Keyring, now: number): HeldVersion {
  if (isEnded(keyring)) throw groupDeleted(keyring.groupId);
  const inUse = versionInUse(keyring, now);
  if (inUse?.groupKey === undefined) throw unknownVersion(keyring.groupId, inUse?.statement.version);
  const { statement, groupKey } = inUse;
  if (now < statement.activateAt)
    throw failedPrecondition('VERSION_NOT_ACTIVE', 'the Group Key version is not yet in use', {
      metadata: { ...at(statement), activate_at: String(statement.activateAt) },
    });
  if (now > statement.sealUntil)
    throw failedPrecondition('SEAL_PERIOD_OVER', 'nothing is sealed with this Group Key any more: pull the newest', {
      metadata: { ...at(statement), seal_until: String(statement.sealUntil) },
    });
  return { statement, groupKey };
}

/**
 * A version that this member may open with. It may be one that is not active here yet: clocks differ.
 * @param now Unix milliseconds
 * @throws CpnsError VERSION_RETIRED from 60 s after the earliest activate-at of all known versions above it on;
 *   GROUP_DELETED for the version that says so; GROUP_KEY_UNKNOWN
 */
export function openableVersion(keyring: Keyring, version: bigint, now: number): HeldVersion {
  if (version <= keyring.retiredThrough) throw retired(keyring.groupId, version);
  const known = keyring.versions.find(({ statement }) => statement.version === version);
  if (known === undefined)
    throw isEnded(keyring) ? groupDeleted(keyring.groupId) : unknownVersion(keyring.groupId, version);
  if (endsGroup(known.statement)) throw groupDeleted(keyring.groupId);
  if (isRetired(keyring, known.statement, now)) throw retired(keyring.groupId, version);
  if (known.groupKey === undefined) throw unknownVersion(keyring.groupId, version);
  return { statement: known.statement, groupKey: known.groupKey };
}

/**
 * Takes out what opens nothing more, and overwrites the keys. What is left to do elsewhere follows from
 * `retiredThrough`: the replay memory and the session keys up to it.
 * @param now Unix milliseconds
 */
export function pruneRetired(keyring: Keyring, now: number): Keyring {
  const gone = keyring.versions.filter(({ statement }) => isRetired(keyring, statement, now));
  const last = gone.at(-1)?.statement.version;
  if (last === undefined) return keyring;
  for (const { groupKey } of gone) groupKey?.destroy();
  const versions = keyring.versions.filter(({ statement }) => !gone.some((one) => one.statement === statement));
  return { ...keyring, retiredThrough: last, versions };
}

/**
 * When {@link pruneRetired} has something to do next, in Unix milliseconds.
 * @returns undefined while no version has a successor
 */
export function nextRetirement(keyring: Keyring): number | undefined {
  const [first, ...above] = statementsOf(keyring);
  if (first === undefined || above.length === 0) return undefined;
  // what supersedes a version supersedes all below it: the lowest retires first
  return supersededAt(first.version, above) + GRACE_MS;
}
