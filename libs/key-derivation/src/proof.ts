/**
 * Proof of a secret on each call (protocol.md, "Proof of a secret, on each call").
 *
 * ```
 *   metadata cpns-proof-bin:  key-id  LP(E)  u64(ms)  nonce  MAC
 *                               16             8       16     32
 *   MAC = HMAC(confirm key, "proof" LP(audience) LP(method) LP(E) u64(ms) nonce SHA-256(request))
 * ```
 * Audience, method and request are in the MAC only: a proof made for another shows as PROOF_MAC. A verifier checks the
 * MAC, then the window, and only then spends the nonce, so that a stranger can neither fill its memory nor burn nonces.
 */
import { invalidArgument, NONCE_BYTES, parseEntityUri, Reader, unauthenticated, type ConfirmKey } from '@cpns/core';
import { checkSize, DIGEST_BYTES, hmac, MAC_BYTES, macMatches } from './hkdf';
import { KEY_ID_BYTES, keyIdBytes } from './key-id';
import { Message } from './message';

/** gRPC metadata key. */
export const PROOF_METADATA = 'cpns-proof-bin';
/** How far a proof's time may be from the verifier's, either way, in milliseconds. */
export const PROOF_WINDOW_MS = 60_000;

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
export function proofMac(key: ConfirmKey, proof: Omit<ProofFields, 'keyId'>, call: ProofCall): Buffer {
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

/** A time as a number. @throws CpnsError FIELD_OUT_OF_RANGE when a number would not be exact */
function milliseconds(value: bigint, field: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    throw invalidArgument('FIELD_OUT_OF_RANGE', `${field} is no time in milliseconds`, { metadata: { field } });
  return Number(value);
}

/**
 * Everything about a proof but its nonce, which the caller spends next.
 * @param now verifier's Unix time in milliseconds
 * @throws CpnsError FIELD_SIZE; PROOF_MAC; PROOF_OUTSIDE_WINDOW with `verifier_time_ms` and `difference_ms`, which is
 * the prover's time less the verifier's
 */
export function verifyProof(key: ConfirmKey, proof: Proof, call: ProofCall, now: number): void {
  if (!macMatches(proofMac(key, proof, call), proof.mac))
    throw unauthenticated('PROOF_MAC', 'the proof was not made with this key for this call');
  const difference = proof.timeMs - now;
  if (Math.abs(difference) > PROOF_WINDOW_MS)
    throw unauthenticated('PROOF_OUTSIDE_WINDOW', 'set the clock: the proof is more than 60 s from the time here', {
      metadata: { verifier_time_ms: String(now), difference_ms: String(difference) },
    });
}
