/** The life of an Entity-User Key at the CPNS Server (protocol.md, "Entity-User Key"). One live key per entity. */
import { failedPrecondition, nextState, type LifeCycle } from '@cpns/core';
import type { KeyForm } from '@cpns/key-derivation';

export type KeyState = 'live' | 'replaced' | 'revoked';
export type KeyEvent = 'replace' | 'revoke';

export const ENTITY_USER_KEY_LIFE_CYCLE: LifeCycle<KeyState, KeyEvent> = [
  { state: 'live', event: 'replace', next: 'replaced' },
  { state: 'revoked', event: 'replace', next: 'replaced' },
  { state: 'live', event: 'revoke', next: 'revoked' },
  { state: 'revoked', event: 'revoke', next: 'revoked' },
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

/** @throws CpnsError KEY_REVOKED, KEY_EXPIRED */
export function checkLive(key: KeyStanding, now: number): void {
  if (key.state !== 'live') throw failedPrecondition('KEY_REVOKED', 'the key was revoked: ask for a new admission');
  if (now >= key.notAfter) throw failedPrecondition('KEY_EXPIRED', 'the key has expired: ask for a new admission');
}

/**
 * Only a new token replaces a key: one whose admission is younger than the key's own. So a token that was left lying
 * about cannot put its holder in the place of a device that is in use, nor undo a revocation.
 * @throws CpnsError LIVE_KEY
 */
export function checkMayReplace(
  key: Pick<KeyStanding, 'notAfter' | 'admittedAt'> | undefined,
  admittedAt: number,
  now: number,
): void {
  if (key === undefined || now >= key.notAfter) return;
  if (admittedAt <= key.admittedAt)
    throw failedPrecondition(
      'LIVE_KEY',
      'the entity has a key that is younger than this token: ask for a new admission',
    );
}
