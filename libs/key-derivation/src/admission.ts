/**
 * From a one-time string to a request that only its holder can have made (protocol.md, "Admission"; 5.3.1.12.5.2).
 *
 * ```
 *   T  secret of the one-time string: at the operator's hand-over and at the entity, on no wire
 *   |
 *   +-- HKDF "token-auth" --> A   kept sealed by the verifier (Server, or the one gateway)
 *                             |
 *                             +-- HMAC "enrol" ......... the entity's request          (enrolMac)
 *                             +-- HMAC "enrol-reply" ... the answer to a CSR           (assignment.ts)
 *                             +-- HKDF "token-psk" --> P
 *                                                      +-- HPKE mode_psk  the secret   (assignment.ts)
 * ```
 */
import { NONCE_BYTES, TokenAuthKey, TokenPsk, unauthenticated, type TokenSecret } from '@cpns/core';
import { checkSize, hkdf, hmac, macMatches, sha256 } from './hkdf';
import { hkdfInfo } from './hkdf-info';
import { KEY_FORM_BYTES, type KeyForm } from './key-form';
import { Message } from './message';

/** What a request for an Entity-User Key says apart from its credential; renewals say the same. */
export interface RequestFields {
  /** Full gRPC path that the entity called, kept when the request is forwarded. */
  readonly method: string;
  /** E */
  readonly entity: string;
  /** User-id, or the empty string. */
  readonly user: string;
  /** E of the gateway that was called; of the caller itself when a gateway enrols itself. */
  readonly gateway: string;
  readonly form: KeyForm;
  /** `secret`: one-time HPKE public key, 65 bytes uncompressed. `key-pair`: SubjectPublicKeyInfo of the CSR, DER. */
  readonly key: Uint8Array;
  /** 16 random bytes. */
  readonly nonce: Uint8Array;
}

export interface EnrolRequest extends RequestFields {
  readonly tokenId: string;
}

const TOKEN_AUTH = hkdfInfo('cpns/v1/token-auth');
const TOKEN_PSK = hkdfInfo('cpns/v1/token-psk');

/** A = HKDF(T, empty, "cpns/v1/token-auth"). */
export function deriveTokenAuthKey(secret: TokenSecret): TokenAuthKey {
  return new TokenAuthKey(hkdf(secret.expose(), undefined, TOKEN_AUTH));
}

/** P = HKDF(A, empty, "cpns/v1/token-psk"). */
export function deriveTokenPsk(auth: TokenAuthKey): TokenPsk {
  return new TokenPsk(hkdf(auth.expose(), undefined, TOKEN_PSK));
}

/** Appends what a first request and a renewal have in common. @throws CpnsError FIELD_SIZE for another nonce */
export function appendRequest(message: Message, request: RequestFields): Buffer {
  checkSize(request.nonce, NONCE_BYTES, 'nonce');
  return message
    .text(request.method)
    .text(request.entity)
    .text(request.user)
    .text(request.gateway)
    .byte(KEY_FORM_BYTES[request.form])
    .lp(sha256(request.key))
    .raw(request.nonce)
    .bytes();
}

/** The MAC of a request, 32 bytes. @throws CpnsError FIELD_SIZE when the nonce is not 16 bytes */
export function enrolMac(auth: TokenAuthKey, request: EnrolRequest): Buffer {
  return hmac(auth.expose(), appendRequest(new Message('cpns/v1/enrol').text(request.tokenId), request));
}

/** @throws CpnsError FIELD_SIZE; TOKEN_MAC when any field was changed, or the secret was another */
export function verifyEnrolMac(auth: TokenAuthKey, request: EnrolRequest, mac: Uint8Array): void {
  if (!macMatches(enrolMac(auth, request), mac))
    throw unauthenticated('TOKEN_MAC', 'the request does not match the secret of its token');
}
