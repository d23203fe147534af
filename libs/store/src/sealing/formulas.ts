/**
 * What is sealed at rest, and how (docs/protocol.md, "At rest"):
 *
 * ```
 *                       data key (random, per service, versioned; wrapped by the master key)
 *                  ______________|_______________
 *                 |                              |
 *   HKDF(salt, "cpns/v1/seal" …)     HKDF("cpns/v1/record-mac" …)
 *                 |                              |
 *       AES-256-GCM of one field     HMAC-SHA-256 of the whole record
 * ```
 *
 * Both bind what they cover to its place: service, record, field, revision and data key.
 */
import { createCipheriv, createDecipheriv, timingSafeEqual } from 'node:crypto';
import { CpnsError, join, NONCE_BYTES, type DataKey } from '@cpns/core';
import { hkdf, hkdfInfo, hmac, Message, sha256 } from '@cpns/key-derivation';

/** The one place where sealed bytes, or a record's MAC, are good. */
export interface Binding {
  /** Name of the service that owns the record. */
  readonly service: string;
  /** `<kind>/<id>/<name>` of the record. */
  readonly record: string;
  /** Name of the field; empty for the MAC, which covers the whole record. */
  readonly field: string;
  /** The revision that the record has once it is stored. */
  readonly revision: bigint;
  /** Which data key of the service. */
  readonly dataKeyId: string;
}

export const SALT_BYTES = NONCE_BYTES;
const TAG_BYTES = 16;
export const MAC_BYTES = 32;
/** Every key of {@link sealBytes} is used once, since its salt is fresh: RFC 5116 asks for no more of a nonce. */
const NONCE = Buffer.alloc(12);

const sealKey = (key: DataKey, salt: Uint8Array, service: string): Buffer =>
  hkdf(key.expose(), salt, hkdfInfo('cpns/v1/seal', service));

/** The key of all record MACs of a service under one data key, 32 bytes. */
export const recordMacKey = (key: DataKey, service: string): Buffer =>
  hkdf(key.expose(), undefined, hkdfInfo('cpns/v1/record-mac', service));

/** LP(service) LP(record) LP(field) u64(revision) LP(data-key-id). */
const associatedData = ({ service, record, field, revision, dataKeyId }: Binding): Message =>
  new Message('').text(service).text(record).text(field).u64(revision).text(dataKeyId);

/**
 * Salt, ciphertext and tag: 32 bytes more than the plaintext.
 * @param salt 16 fresh random bytes for every single call
 */
export function sealBytes(key: DataKey, salt: Uint8Array, binding: Binding, plaintext: Uint8Array): Buffer {
  if (salt.length !== SALT_BYTES) throw new RangeError(`the salt of a seal has ${SALT_BYTES} bytes`);
  const cipher = createCipheriv('aes-256-gcm', sealKey(key, salt, binding.service), NONCE);
  cipher.setAAD(associatedData(binding).bytes());
  return join(salt, cipher.update(plaintext), cipher.final(), cipher.getAuthTag());
}

/** @throws STORED_RECORD_INVALID for bytes that were not sealed by this key for this place */
export function openBytes(key: DataKey, binding: Binding, sealed: Uint8Array): Buffer {
  if (sealed.length < SALT_BYTES + TAG_BYTES) throw invalidRecord(binding.record, 'a sealed field is too short');
  const salt = sealed.subarray(0, SALT_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', sealKey(key, salt, binding.service), NONCE, {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(associatedData(binding).bytes());
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(SALT_BYTES, sealed.length - TAG_BYTES)), decipher.final()]);
  } catch (cause) {
    throw invalidRecord(binding.record, `field ${binding.field} does not open`, cause);
  }
}

/**
 * HMAC(record MAC key, LP(service) LP(record) LP("") u64(revision) LP(data-key-id) LP(SHA-256(value))), 32 bytes.
 * @param macKey of {@link recordMacKey}
 */
export function recordMac(macKey: Uint8Array, binding: Omit<Binding, 'field'>, value: Uint8Array): Buffer {
  return hmac(
    macKey,
    associatedData({ ...binding, field: '' })
      .lp(sha256(value))
      .bytes(),
  );
}

/** Comparison in constant time; false for another length. */
export const sameMac = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && timingSafeEqual(a, b);

/** Which record it is stays in the cause: it goes to the log of this service, never to a caller. */
export const invalidRecord = (record: string, what: string, cause?: unknown): CpnsError =>
  new CpnsError('STORED_RECORD_INVALID', 'a stored record does not authenticate; its service needs attention', {
    cause: new Error(`${record}: ${what}`, cause === undefined ? undefined : { cause }),
  });
