/** What of an entity ends together, and what there is of it. */
import { failedPrecondition, type EntityName } from '@cpns/core';
import { isInUse, isOpen, type AdmissionRecord, type KeyRecord } from '../entities/records';

/** What ends of an entity. */
export interface Scope {
  readonly key: (key: KeyRecord) => boolean;
  readonly admission: (admission: AdmissionRecord) => boolean;
  /** Of the entity itself: its life ends also where only admissions do. */
  readonly isWhole?: true;
}

/**
 * All that an entity has.
 * @param keyId of the key that is meant; empty for the newest. Its scope throws KEY_REVOKED where another took its place.
 */
export const wholeOf = (keyId = ''): Scope => ({
  key: (key) => {
    requireKey(key, keyId);
    return true;
  },
  admission: () => true,
  isWhole: true,
});

/** @throws CpnsError KEY_REVOKED */
export function requireKey(key: KeyRecord, keyId: string): void {
  if (keyId !== '' && key.keyId !== keyId)
    throw failedPrecondition('KEY_REVOKED', 'another key took the place of the one that is meant');
}

/** What a gateway assigned, or was to assign, in a life, and what is left of its earlier ones. */
export function assignedIn(gateway: string, life: bigint): Scope {
  const isOf = (one: Pick<KeyRecord, 'assigner' | 'assignerLife'>, isLeft: boolean) => {
    const { assigner, assignerLife = 1n } = one;
    return assigner === gateway && (assignerLife === life || (assignerLife < life && isLeft));
  };
  return { key: (key) => isOf(key, isInUse(key)), admission: (admission) => isOf(admission, isOpen(admission)) };
}

/** What a CPNS User has by admissions, or imports, that were made until then. @param until Unix milliseconds */
export function ofUser(user: string, until: number): Scope {
  const isOf = (one: Pick<KeyRecord, 'user' | 'admittedAt'>) => one.user === user && one.admittedAt <= until;
  return { key: isOf, admission: isOf };
}

/** What an entity has of a scope, as of one moment. */
export interface Facts {
  readonly entity: EntityName;
  /** False for one that has neither key nor admission, of whatever scope. */
  readonly isKnown: boolean;
  readonly life: bigint;
  /** Of its credential; 0 for one that never had a key. */
  readonly revision: bigint;
  /** Undefined where its key is of another scope. */
  readonly key: 'live' | 'suspended' | 'ended' | undefined;
  /** Token-id of each admission that may still lead to a key, and of each that was revoked. */
  readonly open: readonly string[];
  readonly revoked: readonly string[];
}

interface Found {
  readonly life: bigint;
  readonly revision: bigint;
  readonly isKnown: boolean;
  readonly key: KeyRecord | undefined;
  readonly admissions: readonly AdmissionRecord[];
}

export function factsOf(entity: EntityName, scope: Scope, { key, admissions, ...rest }: Found): Facts {
  const ofScope = admissions.filter((admission) => scope.admission(admission));
  const idsOf = (some: readonly AdmissionRecord[]) => some.map(({ tokenId }) => tokenId);
  return {
    entity,
    ...rest,
    key: key !== undefined && scope.key(key) ? stateOf(key) : undefined,
    open: idsOf(ofScope.filter(isOpen)),
    revoked: idsOf(ofScope.filter((admission) => admission.state === 'revoked')),
  };
}

const stateOf = ({ state }: KeyRecord) => (state === 'live' || state === 'suspended' ? state : 'ended');

/** True where there is a key to end. */
export const hasKey = ({ key }: Facts): boolean => key === 'live' || key === 'suspended';

/** True where there is something to end. */
export const isInForce = (facts: Facts): boolean => hasKey(facts) || facts.open.length > 0;

/** True where there is, or was, something of the scope. */
export const isConcerned = ({ key, open, revoked }: Facts): boolean =>
  key !== undefined || open.length > 0 || revoked.length > 0;
