/**
 * Entity-User Keys that a gateway assigns, and what follows from any (protocol.md, "Entity-User Key"; B.1.2, 5.3.1.12.5.2).
 *
 * ```
 *   first seed (Server and gateway)
 *    |      16 random bytes
 *    |            v
 *    +-- HKDF "second-seed" --> second seed (gateway to entity, entity to Server)
 *    |                              |
 *    +-- HKDF "entity-user-key" <---+ salt
 *              |
 *              v
 *             EUK = S,  or S random from the Server,  or S exported by HPKE for a certificate (pairwise.ts)
 *              |
 *              +-- HKDF "key-id" ----------> key-id, 16 bytes, public
 *              +-- HKDF "confirm" ---------> confirm key   (renewal.ts, proof.ts)
 *              +-- HKDF "renew-auth" ------> A of a renewal (renewal.ts)
 *              +-- HKDF "group-key-wrap" --> wrap key, one per group and version
 * ```
 */
import {
  ConfirmKey,
  EntityUserKey,
  type FirstSeed,
  invalidArgument,
  NONCE_BYTES,
  SecondSeed,
  WrapKey,
} from '@cpns/core';
import { checkSize, hkdf, hkdfInfo } from './formulas';

/** Size of a key-id, in bytes; its text is twice as long. */
export const KEY_ID_BYTES = 16;
export const KEY_ID_PATTERN = /^[0-9a-f]{32}$/;

/** A key-id in text is lower-case hex; formulas take its 16 bytes, wherever they do not say that they take the text. */
export function keyIdBytes(keyId: string): Buffer {
  return Buffer.from(checkKeyId(keyId), 'hex');
}

/** The text of a key-id of 16 bytes. @throws CpnsError FIELD_MISSING, FIELD_SIZE */
export function keyIdText(bytes: Uint8Array): string {
  checkSize(bytes, KEY_ID_BYTES, 'key-id');
  return Buffer.from(bytes).toString('hex');
}

/** @throws CpnsError FIELD_MISSING when empty, NAME_INVALID when it is not 32 lower-case hex digits */
export function checkKeyId(keyId: string, field = 'key-id'): string {
  if (keyId === '') throw invalidArgument('FIELD_MISSING', `${field} is empty`, { metadata: { field } });
  if (!KEY_ID_PATTERN.test(keyId))
    throw invalidArgument('NAME_INVALID', `${field} is not 32 lower-case hex digits`, { metadata: { field } });
  return keyId;
}

/**
 * What a request was made with: a token, or in a renewal the old key. A reply then has the 16 bytes of the key-id where
 * it has the text of the token-id after a first request.
 */
export type Credential = { readonly tokenId: string } | { readonly keyId: string };

export const credentialBytes = (credential: Credential): Buffer =>
  'tokenId' in credential ? Buffer.from(credential.tokenId, 'utf8') : keyIdBytes(credential.keyId);

/** Whom a gateway assigns to, and from which first seed. */
export interface SecondSeedTerms {
  readonly firstSeedId: string;
  /** E of the assigning gateway. */
  readonly gateway: string;
  readonly entity: string;
  readonly user: string;
}

export interface EntityUserKeyTerms extends SecondSeedTerms {
  /** Unix milliseconds. */
  readonly notAfter: number;
}

export interface WrapKeyTerms {
  readonly groupId: string;
  /** Version of the Group Key. */
  readonly version: bigint;
  readonly entity: string;
}

/**
 * The second seed of one (entity, user).
 * @param salt 16 fresh random bytes
 * @throws CpnsError FIELD_SIZE for a salt of another size
 */
export function deriveSecondSeed(firstSeed: FirstSeed, salt: Uint8Array, terms: SecondSeedTerms): SecondSeed {
  checkSize(salt, NONCE_BYTES, 'salt');
  const { firstSeedId, gateway, entity, user } = terms;
  const info = hkdfInfo('cpns/v1/second-seed', firstSeedId, gateway, entity, user);
  return new SecondSeed(hkdf(firstSeed.expose(), salt, info));
}

/** The Entity-User Key that both the gateway and, from the second seed it is shown, the Server derive. */
export function deriveEntityUserKey(
  firstSeed: FirstSeed,
  secondSeed: SecondSeed,
  terms: EntityUserKeyTerms,
): EntityUserKey {
  const { firstSeedId, gateway, entity, user, notAfter } = terms;
  const info = hkdfInfo('cpns/v1/entity-user-key', firstSeedId, gateway, entity, user, notAfter);
  return new EntityUserKey(hkdf(firstSeed.expose(), secondSeed.expose(), info));
}

const KEY_ID = hkdfInfo('cpns/v1/key-id');
const CONFIRM = hkdfInfo('cpns/v1/confirm');

/** The key-id of S in text: 32 lower-case hex digits. */
export function deriveKeyId(secret: EntityUserKey): string {
  return hkdf(secret.expose(), undefined, KEY_ID, KEY_ID_BYTES).toString('hex');
}

export function deriveConfirmKey(secret: EntityUserKey): ConfirmKey {
  return new ConfirmKey(hkdf(secret.expose(), undefined, CONFIRM));
}

/** The AES-256 key that wraps one version of a Group Key for one member (RFC 3394). */
export function deriveWrapKey(secret: EntityUserKey, terms: WrapKeyTerms): WrapKey {
  const info = hkdfInfo('cpns/v1/group-key-wrap', terms.groupId, terms.version, terms.entity);
  return new WrapKey(hkdf(secret.expose(), undefined, info));
}

/**
 * The two forms of an Entity-User Key (5.3.1.12.5.2): a pre-shared secret, or a key pair with a certificate. A request
 * names its form by one byte, so that a MAC over one cannot be taken for the other.
 */
export const KEY_FORM_BYTES = { secret: 1, 'key-pair': 2 } as const;
export type KeyForm = keyof typeof KEY_FORM_BYTES;

/** The form of a form-byte, or `undefined` for a byte that is none. */
export const keyFormOf = (byte: number): KeyForm | undefined =>
  byte === KEY_FORM_BYTES.secret ? 'secret' : byte === KEY_FORM_BYTES['key-pair'] ? 'key-pair' : undefined;
