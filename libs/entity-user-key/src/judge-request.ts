/** The one way in which a request for an Entity-User Key is judged, by the Server and by a gateway alike. */
import type { TokenAuthKey } from '@cpns/core';
import { failedPrecondition } from '@cpns/core';
import { verifyEnrolMac, type EnrolRequest } from '@cpns/key-derivation';
import { checkClaim, checkNotExpired, checkNotRevoked, type Admission } from './admission';

/** The request that spent a token, and what it was answered. */
export interface SpentToken {
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
