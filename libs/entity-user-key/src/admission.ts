/**
 * Who may have an Entity-User Key, in which form and from whom (protocol.md, "Admission"; 5.3.1.12.5.2, EUK-ASSOC).
 * The CPNS Server keeps all admissions; a gateway keeps those that name it as assigner.
 *
 * The one way in which a request for an Entity-User Key is judged, by the Server and by a gateway alike.
 *
 * The two answers to a request that was judged good (protocol.md, "Admission", reply 1 and reply 2).
 */
import {
  failedPrecondition,
  type LifeCycle,
  nextState,
  permissionDenied,
  type Random,
  type TokenAuthKey,
} from '@cpns/core';
import {
  type AssignedSecrets,
  type Credential,
  deriveTokenPsk,
  enrolReplyMac,
  type EnrolRequest,
  type KeyForm,
  type RequestFields,
  sealAssignment,
  type Sealed,
  verifyEnrolMac,
} from '@cpns/key-derivation';

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
interface Claim {
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

/** The request that spent a token, and what it was answered. */
interface SpentToken {
  /** SHA-256 of the request, 32 bytes. */
  readonly digest: Uint8Array;
  /** As sent. */
  readonly reply: Uint8Array;
}

/** An admission as its assigner holds it. */
export interface GrantedToken extends Omit<Admission, 'role' | 'admittedAt'> {
  /** A */
  readonly authKey: TokenAuthKey;
  readonly spent?: SpentToken;
}

export interface TokenRequest {
  readonly enrol: EnrolRequest;
  /** 32 bytes. */
  readonly mac: Uint8Array;
  /** SHA-256 of the request, 32 bytes. */
  readonly digest: Uint8Array;
}

/**
 * Nothing about a token's state is told to a caller who does not hold its secret; a request repeated to the letter gets
 * the stored reply until the token expires, so that a lost reply burns nothing.
 * @param assigner URI of who judges
 * @returns the stored reply, or `undefined` for a request that is to be worked on
 * @throws CpnsError TOKEN_OTHER_ENTITY, TOKEN_OTHER_ASSIGNER, TOKEN_OTHER_FORM, TOKEN_MAC, TOKEN_REVOKED,
 *   TOKEN_EXPIRED, TOKEN_SPENT, in this order of checks
 */
export function judgeRequest(
  token: GrantedToken,
  request: TokenRequest,
  assigner: string,
  now: number,
): Uint8Array | undefined {
  checkClaim(token, request.enrol, assigner);
  verifyEnrolMac(token.authKey, request.enrol, request.mac);
  checkNotRevoked(token.state);
  checkNotExpired(token.expiresAt, now);
  if (token.state === 'open') return undefined;
  // public values: the digest of a message that went over the wire
  if (token.spent !== undefined && Buffer.from(token.spent.digest).equals(request.digest)) return token.spent.reply;
  throw failedPrecondition('TOKEN_SPENT', 'the token was used: ask for a new one');
}

interface SecretAnswer {
  readonly form: 'secret';
  readonly sealed: Sealed;
  /** Unix milliseconds. */
  readonly notAfter: number;
  /** Empty from the Server. */
  readonly firstSeedId: string;
}

interface CertificateAnswer {
  readonly form: 'key-pair';
  /** DER, leaf to root. */
  readonly chain: readonly Buffer[];
  /** 32 bytes. */
  readonly mac: Buffer;
}

/** What a request showed: a token, or in a renewal the live key; and the key A that goes with it. */
interface ShownCredential {
  readonly credential: Credential;
  readonly authKey: TokenAuthKey;
}

/** Reply 1: only who made the request can read the key, not even the gateway that carries it. */
export function answerWithSecret(
  shown: ShownCredential,
  request: RequestFields,
  assigned: { readonly secrets: AssignedSecrets; readonly notAfter: number; readonly firstSeedId: string },
  random: Random,
): SecretAnswer {
  const { secrets, notAfter, firstSeedId } = assigned;
  const terms = { entity: request.entity, user: request.user, gateway: request.gateway, notAfter, firstSeedId };
  const psk = deriveTokenPsk(shown.authKey);
  const sealed = sealAssignment(
    { psk, credential: shown.credential, terms, recipientKey: request.key, secrets },
    random,
  );
  psk.destroy();
  return { form: 'secret', sealed, notAfter, firstSeedId };
}

/** Reply 2: the chain, vouched for by who holds A. */
export function answerWithCertificate(
  shown: ShownCredential,
  request: RequestFields,
  chain: readonly Buffer[],
): CertificateAnswer {
  const { key, nonce } = request;
  return {
    form: 'key-pair',
    chain,
    mac: enrolReplyMac(shown.authKey, { credential: shown.credential, key, nonce, chain }),
  };
}
