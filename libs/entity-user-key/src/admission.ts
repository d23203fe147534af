/**
 * Who may have an Entity-User Key, in which form and from whom (protocol.md, "Admission"; 5.3.1.12.5.2, EUK-ASSOC).
 * The CPNS Server keeps all admissions; a gateway keeps those that name it as assigner.
 */
import { failedPrecondition, permissionDenied, nextState, type LifeCycle } from '@cpns/core';
import type { KeyForm } from '@cpns/key-derivation';

/** What an admitted entity becomes: a target entity, or a PN GW that acts for its PN. */
export type AdmittedRole = 'target-entity' | 'pn-gw';

export type AdmissionState = 'open' | 'assigned' | 'registered' | 'revoked';

/**
 * `assign`: a key went out that its holder still has to register. `register`: the key is known to the Server; a
 * secret that the Server made is so from the start, and of a key that a gateway assigned the Server hears here first.
 */
export type AdmissionEvent = 'assign' | 'register' | 'revoke';

export const ADMISSION_LIFE_CYCLE: LifeCycle<AdmissionState, AdmissionEvent> = [
  { state: 'open', event: 'assign', next: 'assigned' },
  { state: 'open', event: 'register', next: 'registered' },
  { state: 'assigned', event: 'register', next: 'registered' },
  { state: 'open', event: 'revoke', next: 'revoked' },
  { state: 'assigned', event: 'revoke', next: 'revoked' },
  { state: 'registered', event: 'revoke', next: 'revoked' },
  { state: 'revoked', event: 'revoke', next: 'revoked' },
];

/** How far ahead a token may end, in milliseconds: 30 days. */
export const TOKEN_MAX_LIFE_MS = 30 * 24 * 3_600_000;

export interface Admission {
  readonly tokenId: string;
  /** E */
  readonly entity: string;
  /** User-id, or the empty string. */
  readonly user: string;
  readonly role: AdmittedRole;
  readonly form: KeyForm;
  /** URI of the CPNS Server, or E of the one gateway that assigns. */
  readonly assigner: string;
  readonly state: AdmissionState;
  /** Unix milliseconds; two admissions of one entity never have the same. */
  readonly admittedAt: number;
  /** Unix milliseconds. */
  readonly expiresAt: number;
}

/** What a request says about itself, to be held against the admission of its token. */
export interface Claim {
  readonly entity: string;
  readonly user: string;
  readonly form: KeyForm;
}

/**
 * Holds a claim against the admission that its token names.
 * @param assigner who would assign the key: the one that asks
 * @throws CpnsError TOKEN_OTHER_ENTITY, TOKEN_OTHER_ASSIGNER, TOKEN_OTHER_FORM
 */
export function checkClaim(admission: Omit<Admission, 'role' | 'admittedAt'>, claim: Claim, assigner: string): void {
  if (admission.entity !== claim.entity || admission.user !== claim.user)
    throw permissionDenied('TOKEN_OTHER_ENTITY', 'the token admits another entity or another user');
  if (admission.assigner !== assigner)
    throw permissionDenied('TOKEN_OTHER_ASSIGNER', 'ask the assigner that the admission names');
  if (admission.form !== claim.form)
    throw permissionDenied('TOKEN_OTHER_FORM', 'the token is for the other form of key');
}

/** @throws CpnsError TOKEN_REVOKED */
export function checkNotRevoked(state: AdmissionState): void {
  if (state === 'revoked') throw failedPrecondition('TOKEN_REVOKED', 'the admission was revoked: ask for a new one');
}

/** @throws CpnsError TOKEN_EXPIRED */
export function checkNotExpired(expiresAt: number, now: number): void {
  if (now >= expiresAt) throw failedPrecondition('TOKEN_EXPIRED', 'the token has expired: ask for a new one');
}

/**
 * The state after an event.
 * @throws CpnsError TOKEN_REVOKED when it was revoked, TOKEN_SPENT when the event already happened
 */
export function advanceAdmission(state: AdmissionState, event: AdmissionEvent): AdmissionState {
  checkNotRevokedFor(state, event);
  const next = nextState(ADMISSION_LIFE_CYCLE, state, event);
  if (next === undefined) throw failedPrecondition('TOKEN_SPENT', 'the token was used: ask for a new one');
  return next;
}

function checkNotRevokedFor(state: AdmissionState, event: AdmissionEvent): void {
  if (event !== 'revoke') checkNotRevoked(state);
}
