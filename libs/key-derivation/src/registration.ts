/**
 * Registration of a key that a gateway assigned (protocol.md, "Registration"; B.1.2 step 6).
 *
 * ```
 *   entity                                   Server
 *   T1, HMAC(confirm key, "confirm-client" T1)  -->  first seed + second seed of T1 --> EUK --> confirm key
 *                                               <--  HMAC(confirm key, "confirm-server" T1)
 * ```
 * The certificate form is in pairwise.ts, the proof of the old key that a renewal adds in renewal.ts.
 */
import { NONCE_BYTES, unauthenticated, type ConfirmKey, type SecondSeed } from '@cpns/core';
import { checkSize, hmac, macMatches } from './hkdf';
import { Message } from './message';

/** The fields of T1. */
export interface Registration {
  /** In a renewal: the old key-id in text. */
  readonly tokenId: string;
  readonly firstSeedId: string;
  readonly gateway: string;
  readonly entity: string;
  readonly user: string;
  /** Unix milliseconds. */
  readonly notAfter: number;
  readonly secondSeed: SecondSeed;
  /** 16 random bytes. */
  readonly nonce: Uint8Array;
}

/**
 * T1. It holds the second seed: not for a log.
 * @throws CpnsError FIELD_SIZE when the nonce is not 16 bytes
 */
export function encodeRegistration(registration: Registration): Buffer {
  checkSize(registration.nonce, NONCE_BYTES, 'nonce');
  return new Message('')
    .text(registration.tokenId)
    .text(registration.firstSeedId)
    .text(registration.gateway)
    .text(registration.entity)
    .text(registration.user)
    .u64(registration.notAfter)
    .raw(registration.secondSeed.expose())
    .raw(registration.nonce)
    .bytes();
}

const overT1 = (label: string, key: ConfirmKey, t1: Uint8Array): Buffer =>
  hmac(key.expose(), new Message(label).raw(t1).bytes());

/** The entity's confirmation, 32 bytes. */
export function confirmClientMac(key: ConfirmKey, t1: Uint8Array): Buffer {
  return overT1('cpns/v1/confirm-client', key, t1);
}

/** The Server's confirmation, 32 bytes. */
export function confirmServerMac(key: ConfirmKey, t1: Uint8Array): Buffer {
  return overT1('cpns/v1/confirm-server', key, t1);
}

/** @throws CpnsError FIELD_SIZE; CONFIRMATION_MAC when T1 was changed or its second seed leads to another key */
export function verifyConfirmClientMac(key: ConfirmKey, t1: Uint8Array, mac: Uint8Array): void {
  if (!macMatches(confirmClientMac(key, t1), mac))
    throw unauthenticated('CONFIRMATION_MAC', 'the confirmation was not made with the key that T1 leads to');
}

/** @throws CpnsError FIELD_SIZE; CONFIRMATION_MAC when the answer is not from who derived the same key */
export function verifyConfirmServerMac(key: ConfirmKey, t1: Uint8Array, mac: Uint8Array): void {
  if (!macMatches(confirmServerMac(key, t1), mac))
    throw unauthenticated('CONFIRMATION_MAC', 'the Server did not show that it derived the same key');
}
