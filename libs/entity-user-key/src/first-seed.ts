/**
 * The 1st seed of one gateway and epoch (Q8; protocol.md, "Entity-User Key"): bounded by two times and by how many
 * different (E, user) it serves. The gateway holds it against the first time, the Server against the second; both count.
 */
import { CpnsError, failedPrecondition, invalidArgument } from '@cpns/core';

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
export interface FirstSeedUse {
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

export interface Places {
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
