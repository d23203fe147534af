/**
 * The least that issuing and deriving can cost: the same operations of node:crypto on the same inputs, and nothing else.
 * No import from the project, so that what is compared against is seen in one place.
 */
import { createHmac, createPublicKey, sign, verify, type JsonWebKey, type KeyObject } from 'node:crypto';

/** What a CSR holds, taken apart beforehand. */
export interface BareRequest {
  readonly publicKey: JsonWebKey;
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

/** Key import, verification of the request, signature of a certificate's bytes. */
export function bareIssue(
  { publicKey, signed, signature }: BareRequest,
  tbs: Uint8Array,
  authority: KeyObject,
): Buffer {
  const key = createPublicKey({ key: publicKey, format: 'jwk' });
  if (!verify('sha256', signed, key, signature)) throw new Error('the request does not verify');
  return sign('sha256', tbs, authority);
}

/** One HKDF of 32 bytes as two HMACs. @param info with the counter byte that HKDF ends with */
export function bareHkdf(ikm: Uint8Array, salt: Uint8Array, info: Uint8Array): Buffer {
  const prk = createHmac('sha256', salt).update(ikm).digest();
  return createHmac('sha256', prk).update(info).digest();
}

/** The infos of the four derivations, with the counter byte that HKDF ends them with. */
export interface BareInfos {
  readonly secondSeed: Uint8Array;
  readonly entityUserKey: Uint8Array;
  readonly keyId: Uint8Array;
  readonly confirm: Uint8Array;
}

/** Second seed, Entity-User Key, key-id and confirm key: eight HMACs. */
export function bareDerive(firstSeed: Uint8Array, salt: Uint8Array, empty: Uint8Array, infos: BareInfos): Buffer {
  const secondSeed = bareHkdf(firstSeed, salt, infos.secondSeed);
  const key = bareHkdf(firstSeed, secondSeed, infos.entityUserKey);
  bareHkdf(key, empty, infos.keyId);
  return bareHkdf(key, empty, infos.confirm);
}
