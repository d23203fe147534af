/**
 * The life of an Entity-User Key at the CPNS Server (protocol.md, "Entity-User Key"). One live key per entity.
 *
 * The 1st seed of one gateway and epoch (Q8; protocol.md, "Entity-User Key"): bounded by two times and by how many
 * different (E, user) it serves. The gateway holds it against the first time, the Server against the second; both count.
 */
import { CpnsError, failedPrecondition, invalidArgument, type LifeCycle, nextState } from '@cpns/core';
import type { KeyForm } from '@cpns/key-derivation';

export type KeyState = 'live' | 'suspended' | 'replaced' | 'revoked';
export type KeyEvent = 'replace' | 'revoke' | 'suspend' | 'resume';

const ENTITY_USER_KEY_LIFE_CYCLE: LifeCycle<KeyState, KeyEvent> = [
  { state: 'live', event: 'replace', next: 'replaced' },
  { state: 'revoked', event: 'replace', next: 'replaced' },
  { state: 'live', event: 'revoke', next: 'revoked' },
  { state: 'suspended', event: 'revoke', next: 'revoked' },
  { state: 'revoked', event: 'revoke', next: 'revoked' },
  { state: 'live', event: 'suspend', next: 'suspended' },
  { state: 'suspended', event: 'suspend', next: 'suspended' },
  { state: 'suspended', event: 'resume', next: 'live' },
  // a key that is not suspended is left as it is
  { state: 'live', event: 'resume', next: 'live' },
  { state: 'revoked', event: 'resume', next: 'revoked' },
];

/** The state after an event. @throws CpnsError KEY_REVOKED where the life cycle has no row */
export function advanceKey(state: KeyState, event: KeyEvent): KeyState {
  const next = nextState(ENTITY_USER_KEY_LIFE_CYCLE, state, event);
  if (next === undefined) throw failedPrecondition('KEY_REVOKED', 'the key is no longer in use');
  return next;
}

export interface KeyStanding {
  readonly form: KeyForm;
  readonly state: KeyState;
  /** Unix milliseconds. */
  readonly notAfter: number;
  /** Which admission it came from; empty for an imported key. */
  readonly tokenId: string;
  /** When that admission, or the import, was made; Unix milliseconds. */
  readonly admittedAt: number;
}

export const keySuspended = () => failedPrecondition('KEY_SUSPENDED', 'the key is suspended: ask the operator');

/** @throws CpnsError KEY_REVOKED, KEY_SUSPENDED, KEY_EXPIRED */
export function checkLive(key: KeyStanding, now: number): void {
  if (key.state === 'suspended') throw keySuspended();
  if (key.state !== 'live') throw failedPrecondition('KEY_REVOKED', 'the key was revoked: ask for a new admission');
  if (now >= key.notAfter) throw failedPrecondition('KEY_EXPIRED', 'the key has expired: ask for a new admission');
}

/**
 * Only a new token replaces a key: one whose admission is younger than the key's own. So a token that was left lying
 * about cannot put its holder in the place of a device that is in use, nor undo a revocation. No token ends a suspension.
 * @throws CpnsError KEY_SUSPENDED, LIVE_KEY
 */
export function checkMayReplace(
  key: (Pick<KeyStanding, 'notAfter' | 'admittedAt'> & Partial<Pick<KeyStanding, 'state'>>) | undefined,
  admittedAt: number,
  now: number,
): void {
  if (key?.state === 'suspended') throw keySuspended();
  if (key === undefined || now >= key.notAfter) return;
  if (admittedAt <= key.admittedAt)
    throw failedPrecondition(
      'LIVE_KEY',
      'the entity has a key that is younger than this token: ask for a new admission',
    );
}

/** The largest count that a deployment may set. */
export const FIRST_SEED_MAX_ENTITIES = 100_000;

export interface FirstSeedLimits {
  readonly firstSeedId: string;
  /** Unix milliseconds; no key is derived afterwards. */
  readonly assignUntil: number;
  /** Unix milliseconds; no key is registered afterwards, and the seed is destroyed. */
  readonly registerUntil: number;
  readonly maxEntities: number;
  readonly revoked: boolean;
}

/** How many (E, user) a seed serves already, and whether the one in question is among them. */
interface FirstSeedUse {
  readonly entities: number;
  readonly known: boolean;
}

/** @throws CpnsError FIELD_OUT_OF_RANGE */
export function checkFirstSeedLimits(limits: Omit<FirstSeedLimits, 'firstSeedId' | 'revoked'>, now: number): void {
  const out = (field: string, message: string) =>
    invalidArgument('FIELD_OUT_OF_RANGE', message, { metadata: { field } });
  if (limits.assignUntil <= now) throw out('assign_until', 'assign-until has passed');
  if (limits.registerUntil < limits.assignUntil) throw out('register_until', 'register-until lies before assign-until');
  if (!Number.isInteger(limits.maxEntities) || limits.maxEntities < 1 || limits.maxEntities > FIRST_SEED_MAX_ENTITIES)
    throw out('max_entities', `a 1st seed serves 1 to ${FIRST_SEED_MAX_ENTITIES} entities`);
}

function checkUse(seed: FirstSeedLimits, use: FirstSeedUse, until: number, now: number): void {
  if (seed.revoked)
    throw failedPrecondition('FIRST_SEED_REVOKED', 'the 1st seed was revoked: the gateway has to be provisioned anew');
  if (now >= until)
    throw failedPrecondition(
      'FIRST_SEED_EXPIRED',
      'the 1st seed is past its time: the gateway has to be provisioned anew',
    );
  if (!use.known && use.entities >= seed.maxEntities)
    throw failedPrecondition(
      'FIRST_SEED_SPENT',
      `the 1st seed has served ${seed.maxEntities} entities: the gateway has to be provisioned anew`,
    );
}

/** At the gateway, before a key is derived. @throws CpnsError FIRST_SEED_REVOKED, FIRST_SEED_EXPIRED, FIRST_SEED_SPENT */
export function checkMayAssign(seed: FirstSeedLimits, use: FirstSeedUse, now: number): void {
  checkUse(seed, use, seed.assignUntil, now);
}

/** At the Server, before a key is registered. @throws CpnsError FIRST_SEED_REVOKED, FIRST_SEED_EXPIRED, FIRST_SEED_SPENT */
export function checkMayRegister(seed: FirstSeedLimits, use: FirstSeedUse, now: number): void {
  checkUse(seed, use, seed.registerUntil, now);
}

interface Places {
  /** Those that take a place now. */
  readonly added: readonly string[];
  /** Why others get none. */
  readonly refused: ReadonlyMap<string, CpnsError>;
}

/**
 * Places of a 1st seed for several (E, user) at once, in order, as far as there are any.
 * @param served those that have one: they keep it, and take no other
 * @param taken how many places are taken
 * @param check {@link checkMayAssign} or {@link checkMayRegister}
 */
export function takePlaces(
  members: readonly string[],
  { served, taken }: { readonly served: ReadonlySet<string>; readonly taken: number },
  check: (use: FirstSeedUse) => void,
): Places {
  const added = new Set<string>();
  const refused = new Map<string, CpnsError>();
  for (const member of members) {
    const known = served.has(member) || added.has(member);
    try {
      check({ entities: taken + added.size, known });
      if (!known) added.add(member);
    } catch (error) {
      if (!(error instanceof CpnsError)) throw error;
      refused.set(member, error);
    }
  }
  return { added: [...added], refused };
}
