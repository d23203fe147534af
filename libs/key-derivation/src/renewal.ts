/**
 * Renewal: a request that the old key authenticates in place of a token (protocol.md, "Renewal"; 5.3.1.12.5.2).
 *
 * ```
 *   old S --> confirm key --> HMAC "renew"    the request           (renewMac)
 *     |                 +---> HMAC "replace"  at registration       (replaceMac), beside the new key's confirmation
 *     +-- HKDF "renew-auth" --> A             the reply, as after a token: assignment.ts with the old key-id
 * ```
 */
import { TokenAuthKey, unauthenticated, type ConfirmKey, type EntityUserKey } from '@cpns/core';
import { appendRequest, type RequestFields } from './assignment';
import { hkdf, hkdfInfo, hmac, macMatches, Message } from './formulas';
import { keyIdBytes } from './entity-user-key';

export interface RenewRequest extends RequestFields {
  /** The old key's, in text. */
  readonly keyId: string;
}

const RENEW_AUTH = hkdfInfo('cpns/v1/renew-auth');

/** A of a renewal's reply. */
export function deriveRenewAuthKey(secret: EntityUserKey): TokenAuthKey {
  return new TokenAuthKey(hkdf(secret.expose(), undefined, RENEW_AUTH));
}

/** The MAC of a renewal, 32 bytes. @throws CpnsError FIELD_SIZE (nonce), NAME_INVALID (key-id) */
export function renewMac(key: ConfirmKey, request: RenewRequest): Buffer {
  return hmac(key.expose(), appendRequest(new Message('cpns/v1/renew').lp(keyIdBytes(request.keyId)), request));
}

/** @throws CpnsError FIELD_SIZE, NAME_INVALID; CONFIRMATION_MAC when any field was changed, or the key was another */
export function verifyRenewMac(key: ConfirmKey, request: RenewRequest, mac: Uint8Array): void {
  if (!macMatches(renewMac(key, request), mac))
    throw unauthenticated('CONFIRMATION_MAC', 'the renewal was not made with the key that it renews');
}

/** The old key's consent to T1, 32 bytes. */
export function replaceMac(oldKey: ConfirmKey, t1: Uint8Array): Buffer {
  return hmac(oldKey.expose(), new Message('cpns/v1/replace').raw(t1).bytes());
}

/** @throws CpnsError FIELD_SIZE; CONFIRMATION_MAC when the old key did not consent to this T1 */
export function verifyReplaceMac(oldKey: ConfirmKey, t1: Uint8Array, mac: Uint8Array): void {
  if (!macMatches(replaceMac(oldKey, t1), mac))
    throw unauthenticated('CONFIRMATION_MAC', 'the registration was not made with the key that it replaces');
}
