/**
 * From a one-time string to a request that only its holder can have made (protocol.md, "Admission"; 5.3.1.12.5.2).
 *
 * ```
 *   T  secret of the one-time string: at the operator's hand-over and at the entity, on no wire
 *   |
 *   +-- HKDF "token-auth" --> A   kept sealed by the verifier (Server, or the one gateway)
 *                             |
 *                             +-- HMAC "enrol" ......... the entity's request          (enrolMac)
 *                             +-- HMAC "enrol-reply" ... the answer to a CSR           (below)
 *                             +-- HKDF "token-psk" --> P
 *                                                      +-- HPKE mode_psk  the secret   (below)
 * ```
 *
 * The two answers to a request (protocol.md, "Admission", replies 1 and 2; B.1.1 step 4, B.1.2 step 5).
 *
 * ```
 *   form secret:    P --psk--+
 *   one-time HPKE key -------+--> HPKE mode_psk --> enc, ciphertext of  EUK               from the Server
 *   who, until when --info---+                                          EUK second-seed   from a gateway
 *
 *   form key pair:  A --> HMAC "enrol-reply" over token, key, nonce and the whole chain
 * ```
 * In a renewal A comes from the old S, and the old key-id stands in place of the token-id (renewal.ts).
 */
import {
  EntityUserKey,
  type HpkePrivateKey,
  NONCE_BYTES,
  type Random,
  SecondSeed,
  SECRET_BYTES,
  TokenAuthKey,
  TokenPsk,
  type TokenSecret,
  unauthenticated,
} from '@cpns/core';
import { type Credential, credentialBytes, KEY_FORM_BYTES, type KeyForm } from './entity-user-key';
import { checkSize, hkdf, hkdfInfo, hmac, macMatches, Message, sha256 } from './formulas';
import { HPKE_TAG_BYTES, openWithPsk, type Sealed, sealWithPsk } from './hpke';

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

/** What an assignment is for; both sides have to name the same. */
export interface AssignmentTerms {
  readonly entity: string;
  readonly user: string;
  readonly gateway: string;
  /** Unix milliseconds. */
  readonly notAfter: number;
  /** Empty when the Server assigns. */
  readonly firstSeedId: string;
}

/** A second seed is there exactly when a gateway assigned. */
export interface AssignedSecrets {
  readonly entityUserKey: EntityUserKey;
  readonly secondSeed?: SecondSeed;
}

interface SealAssignment {
  readonly psk: TokenPsk;
  readonly credential: Credential;
  readonly terms: AssignmentTerms;
  /** The one-time public key of the request, 65 bytes. */
  readonly recipientKey: Uint8Array;
  readonly secrets: AssignedSecrets;
}

export interface OpenAssignment {
  readonly psk: TokenPsk;
  readonly credential: Credential;
  readonly terms: AssignmentTerms;
  readonly privateKey: HpkePrivateKey;
  readonly sealed: Sealed;
}

const assignInfo = (terms: AssignmentTerms): Buffer =>
  new Message('cpns/v1/assign')
    .text(terms.entity)
    .text(terms.user)
    .text(terms.gateway)
    .u64(terms.notAfter)
    .text(terms.firstSeedId)
    .bytes();

/**
 * Seals an assigned secret for the holder of both the one-time HPKE key and the token.
 * @throws RangeError when the second seed is missing beside a first-seed-id, or there without one
 * @throws CpnsError FIELD_SIZE or MALFORMED_MESSAGE when the public key is no point of P-256
 */
export function sealAssignment(input: SealAssignment, random: Random): Sealed {
  const { entityUserKey, secondSeed } = input.secrets;
  if ((secondSeed === undefined) !== (input.terms.firstSeedId === ''))
    throw new RangeError('a second seed goes with a first-seed-id, and only with one');
  const plaintext = Buffer.concat([entityUserKey.expose(), secondSeed?.expose() ?? Buffer.alloc(0)]);
  const setup = {
    psk: { id: credentialBytes(input.credential), key: input.psk.expose() },
    info: assignInfo(input.terms),
    recipientKey: input.recipientKey,
  };
  try {
    return sealWithPsk(setup, plaintext, random);
  } finally {
    plaintext.fill(0);
  }
}

/**
 * Opens an assigned secret.
 * @throws CpnsError FIELD_SIZE (enc, ciphertext), MALFORMED_MESSAGE (enc is no point); REPLY_MAC when the reply was made
 * without P, for another key, or for other terms
 */
export function openAssignment(input: OpenAssignment): AssignedSecrets {
  const fromServer = input.terms.firstSeedId === '';
  const size = (fromServer ? SECRET_BYTES : 2 * SECRET_BYTES) + HPKE_TAG_BYTES;
  checkSize(input.sealed.ciphertext, size, 'ciphertext');
  const plaintext = openWithPsk({
    psk: { id: credentialBytes(input.credential), key: input.psk.expose() },
    info: assignInfo(input.terms),
    privateKey: input.privateKey,
    sealed: input.sealed,
  });
  const entityUserKey = new EntityUserKey(plaintext.subarray(0, SECRET_BYTES));
  const opened = fromServer
    ? { entityUserKey }
    : { entityUserKey, secondSeed: new SecondSeed(plaintext.subarray(SECRET_BYTES)) };
  plaintext.fill(0);
  return opened;
}

/** What the answer to a CSR vouches for. */
export interface EnrolReply {
  readonly credential: Credential;
  /** SubjectPublicKeyInfo of the request, DER. */
  readonly key: Uint8Array;
  /** The request's nonce, 16 bytes. */
  readonly nonce: Uint8Array;
  /** DER certificates, leaf to root. */
  readonly chain: readonly Uint8Array[];
}

/** The MAC of reply 2, 32 bytes. @throws CpnsError FIELD_SIZE when the nonce is not 16 bytes */
export function enrolReplyMac(auth: TokenAuthKey, reply: EnrolReply): Buffer {
  checkSize(reply.nonce, NONCE_BYTES, 'nonce');
  const message = new Message('cpns/v1/enrol-reply')
    .lp(credentialBytes(reply.credential))
    .lp(sha256(reply.key))
    .raw(reply.nonce)
    .lp(sha256(...reply.chain));
  return hmac(auth.expose(), message.bytes());
}

/** @throws CpnsError FIELD_SIZE; REPLY_MAC when the chain, the key or the nonce is another */
export function verifyEnrolReplyMac(auth: TokenAuthKey, reply: EnrolReply, mac: Uint8Array): void {
  if (!macMatches(enrolReplyMac(auth, reply), mac))
    throw unauthenticated('REPLY_MAC', 'the certificates were not sent by the holder of the token');
}
