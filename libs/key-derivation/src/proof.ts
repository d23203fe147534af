/**
 * Registration of a key that a gateway assigned (protocol.md, "Registration"; B.1.2 step 6).
 *
 * ```
 *   entity                                   Server
 *   T1, HMAC(confirm key, "confirm-client" T1)  -->  first seed + second seed of T1 --> EUK --> confirm key
 *                                               <--  HMAC(confirm key, "confirm-server" T1)
 * ```
 * The certificate form is in pairwise.ts, the proof of the old key that a renewal adds in renewal.ts.
 *
 * Proof of a secret on each call (protocol.md, "Proof of a secret, on each call").
 *
 * ```
 *   metadata cpns-proof-bin:  key-id  LP(E)  u64(ms)  nonce  MAC
 *                               16             8       16     32
 *   MAC = HMAC(confirm key, "proof" LP(audience) LP(method) LP(E) u64(ms) nonce SHA-256(request))
 * ```
 * Audience, method and request are in the MAC only: a proof made for another shows as PROOF_MAC. A verifier checks the
 * MAC, then the window, and only then spends the nonce, so that a stranger can neither fill its memory nor burn nonces.
 *
 * The verifier's clock, which comes with PROOF_OUTSIDE_WINDOW (protocol.md, "Clock").
 *
 * ```
 *   time_mac = HMAC(confirm key, "verifier-time" LP(audience) nonce u64(verifier_time_ms))
 * ```
 */
import {
  type ConfirmKey,
  invalidArgument,
  NONCE_BYTES,
  parseEntityUri,
  Reader,
  type SecondSeed,
  unauthenticated,
} from '@cpns/core';
import { KEY_ID_BYTES, keyIdBytes } from './entity-user-key';
import { checkSize, DIGEST_BYTES, hmac, MAC_BYTES, macMatches, Message } from './formulas';

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

/** A time as a number. @throws CpnsError FIELD_OUT_OF_RANGE when a number would not be exact */
function milliseconds(value: bigint, field: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    throw invalidArgument('FIELD_OUT_OF_RANGE', `${field} is no time in milliseconds`, { metadata: { field } });
  return Number(value);
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

/** gRPC metadata key. */
export const PROOF_METADATA = 'cpns-proof-bin';
/** How far a proof's time may be from the verifier's, either way, in milliseconds. */
export const PROOF_WINDOW_MS = 60_000;
/**
 * How long a nonce is remembered, milliseconds: longer than the window admits the time of its proof, since a time that is
 * exactly 60 s off is admitted and the clocks of two replicas differ.
 */
export const PROOF_NONCE_LIFE_MS = 2 * PROOF_WINDOW_MS + 60_000;

/** What a proof shows. */
export interface ProofFields {
  /** In text. */
  readonly keyId: string;
  readonly entity: string;
  /** Unix milliseconds of the prover. */
  readonly timeMs: number;
  /** 16 random bytes, never used twice. */
  readonly nonce: Uint8Array;
}

export interface Proof extends ProofFields {
  /** 32 bytes. */
  readonly mac: Uint8Array;
}

/** What a proof is made for. */
export interface ProofCall {
  /** URI of the TLS peer that the caller verified, without a user. */
  readonly audience: string;
  /** Full gRPC path. */
  readonly method: string;
  /** SHA-256 of the request message's bytes as sent; of the first one of a stream. */
  readonly requestDigest: Uint8Array;
}

/** The MAC of a proof, 32 bytes. @throws CpnsError FIELD_SIZE (nonce, digest) */
function proofMac(key: ConfirmKey, proof: Omit<ProofFields, 'keyId'>, call: ProofCall): Buffer {
  checkSize(proof.nonce, NONCE_BYTES, 'nonce');
  checkSize(call.requestDigest, DIGEST_BYTES, 'request digest');
  const message = new Message('cpns/v1/proof')
    .text(call.audience)
    .text(call.method)
    .text(proof.entity)
    .u64(proof.timeMs)
    .raw(proof.nonce)
    .raw(call.requestDigest);
  return hmac(key.expose(), message.bytes());
}

/** The metadata value of one call. @throws CpnsError FIELD_SIZE, NAME_INVALID (key-id) */
export function makeProof(key: ConfirmKey, fields: ProofFields, call: ProofCall): Buffer {
  return encodeProof({ ...fields, mac: proofMac(key, fields, call) });
}

/** @throws CpnsError FIELD_SIZE, NAME_INVALID (key-id) */
export function encodeProof(proof: Proof): Buffer {
  checkSize(proof.nonce, NONCE_BYTES, 'nonce');
  checkSize(proof.mac, MAC_BYTES, 'mac');
  return new Message('')
    .raw(keyIdBytes(proof.keyId))
    .text(proof.entity)
    .u64(proof.timeMs)
    .raw(proof.nonce)
    .raw(proof.mac)
    .bytes();
}

/** @throws CpnsError MALFORMED_MESSAGE, FIELD_OUT_OF_RANGE (time), or the reason of a bad entity URI */
export function parseProof(bytes: Uint8Array): Proof {
  const reader = new Reader(bytes, PROOF_METADATA);
  const keyId = reader.take(KEY_ID_BYTES).toString('hex');
  const entity = parseEntityUri(reader.lpText(), 'entity').uri;
  const timeMs = milliseconds(reader.u64(), 'time of the proof');
  const nonce = reader.take(NONCE_BYTES);
  const mac = reader.take(MAC_BYTES);
  reader.end();
  return { keyId, entity, timeMs, nonce, mac };
}

/**
 * By which a prover knows that the time in a refusal is its verifier's, 32 bytes.
 * @param nonce 16 bytes, of the refused proof
 * @param verifierTimeMs Unix milliseconds
 * @throws CpnsError FIELD_SIZE (nonce)
 */
export function verifierTimeMac(key: ConfirmKey, audience: string, nonce: Uint8Array, verifierTimeMs: number): Buffer {
  checkSize(nonce, NONCE_BYTES, 'nonce');
  const message = new Message('cpns/v1/verifier-time').text(audience).raw(nonce).u64(verifierTimeMs);
  return hmac(key.expose(), message.bytes());
}

/**
 * Everything about a proof but its nonce, which the caller spends next.
 * @param now verifier's Unix time in milliseconds
 * @throws CpnsError FIELD_SIZE; PROOF_MAC; PROOF_OUTSIDE_WINDOW with `verifier_time_ms`, `difference_ms`, which is the
 * prover's time less the verifier's, and `time_mac` in hexadecimal
 */
export function verifyProof(key: ConfirmKey, proof: Proof, call: ProofCall, now: number): void {
  if (!macMatches(proofMac(key, proof, call), proof.mac))
    throw unauthenticated('PROOF_MAC', 'the proof was not made with this key for this call');
  const difference = proof.timeMs - now;
  if (Math.abs(difference) > PROOF_WINDOW_MS)
    throw unauthenticated('PROOF_OUTSIDE_WINDOW', 'set the clock: the proof is more than 60 s from the time here', {
      metadata: {
        verifier_time_ms: String(now),
        difference_ms: String(difference),
        time_mac: verifierTimeMac(key, call.audience, proof.nonce, now).toString('hex'),
      },
    });
}

/**
 * The verifier's time in a refusal, as the prover believes it: only with the MAC of its key over this proof's nonce.
 * @param metadata of PROOF_OUTSIDE_WINDOW
 * @returns Unix milliseconds; undefined where there is none to believe
 */
export function provenVerifierTime(
  key: ConfirmKey,
  audience: string,
  nonce: Uint8Array,
  metadata: Readonly<Record<string, string>>,
): number | undefined {
  const { verifier_time_ms: time = '', time_mac: mac = '' } = metadata;
  if (!/^[0-9]{1,16}$/.test(time) || !/^[0-9a-f]{64}$/.test(mac)) return undefined;
  const timeMs = Number(time);
  if (!Number.isSafeInteger(timeMs)) return undefined;
  return macMatches(verifierTimeMac(key, audience, nonce, timeMs), Buffer.from(mac, 'hex')) ? timeMs : undefined;
}
