/**
 * A Group Key for one member (protocol.md, "Group Key"; GK-PULL, GK-PUSH).
 *
 * ```
 *   0x01  LP(E)  key-id  wrap(Group Key under the wrap key of S, group-id, version, E)
 *    1            16      40
 * ```
 * The group and the version are in the wrap key only: an envelope for another of either does not unwrap.
 *
 * AES-256 key wrap (RFC 3394) of one 32-byte key.
 */
import { createCipheriv, createDecipheriv, timingSafeEqual } from 'node:crypto';
import { type EntityUserKey, GroupKey, parseEntityUri, SECRET_BYTES, unauthenticated, type WrapKey } from '@cpns/core';
import { checkKeyId, deriveWrapKey, hkdf, hkdfInfo, KEY_ID_BYTES, type WrapKeyTerms } from '@cpns/key-derivation';

/** Size of a wrap, in bytes: the key and the 8 bytes of its integrity check. */
export const WRAP_BYTES = SECRET_BYTES + 8;

const ALGORITHM = 'id-aes256-wrap';
// RFC 3394, 2.2.3.1
const INITIAL_VALUE = Buffer.alloc(8, 0xa6);

/** Writes the wrap, 40 bytes, into `into` from `at` on. */
function wrapGroupKey(wrapKey: WrapKey, groupKey: GroupKey, into: Buffer, at: number): void {
  const cipher = createCipheriv(ALGORITHM, wrapKey.expose(), INITIAL_VALUE);
  into.set(cipher.update(groupKey.expose()), at);
  cipher.final();
}

/**
 * @param wrap 40 bytes
 * @throws Error of OpenSSL when the integrity check fails: another wrap key, or an altered wrap
 */
function unwrapGroupKey(wrapKey: WrapKey, wrap: Uint8Array): GroupKey {
  const decipher = createDecipheriv(ALGORITHM, wrapKey.expose(), INITIAL_VALUE);
  const bytes = decipher.update(wrap);
  decipher.final();
  const groupKey = new GroupKey(bytes);
  bytes.fill(0);
  return groupKey;
}

/** First byte of an envelope; a key tree has 0x02 and 0x03. */
export const ENVELOPE_TAG = 0x01;

/** Group, version and member of an envelope. */
export type EnvelopeTerms = WrapKeyTerms;

/** What an envelope shows to a gateway that passes it on. */
export interface Envelope {
  /** E of the member. */
  readonly entity: string;
  /** Of the Entity-User Key that opens it, in text. */
  readonly keyId: string;
  /** 40 bytes. */
  readonly wrap: Buffer;
}

const HEAD_BYTES = 3;
const SIZE_WITHOUT_ENTITY = HEAD_BYTES + KEY_ID_BYTES + WRAP_BYTES;

/** What is wrong with an envelope: metadata `check` of ENVELOPE_INVALID. */
export type EnvelopeCheck = 'absent' | 'tag' | 'size' | 'entity' | 'key-id' | 'unwrap';

const FAULTS: Readonly<Record<EnvelopeCheck, string>> = {
  absent: 'the delivery has no envelope for this member',
  tag: 'it does not begin with 0x01',
  size: 'it ends early, or bytes follow it',
  entity: 'it is for another entity',
  'key-id': 'it is for another Entity-User Key',
  unwrap: 'it is for another group or version, or was altered',
};

/** ENVELOPE_INVALID, and which check said so. */
export const envelopeInvalid = (check: EnvelopeCheck, cause?: unknown) =>
  unauthenticated('ENVELOPE_INVALID', `the envelope does not open: ${FAULTS[check]}`, {
    metadata: { check },
    ...(cause === undefined ? {} : { cause }),
  });

/**
 * Wraps a Group Key for one member.
 * @param secret S of the member
 * @param keyId of S, in text: it is stored where envelopes are made in bulk
 * @throws CpnsError FIELD_MISSING, NAME_INVALID for a key-id that is none
 */
export function makeEnvelope(secret: EntityUserKey, keyId: string, terms: EnvelopeTerms, groupKey: GroupKey): Buffer {
  const { entity } = terms;
  const entityBytes = Buffer.byteLength(entity, 'utf8');
  const envelope = Buffer.allocUnsafe(SIZE_WITHOUT_ENTITY + entityBytes);
  envelope[0] = ENVELOPE_TAG;
  envelope.writeUInt16BE(entityBytes, 1);
  envelope.write(entity, HEAD_BYTES, 'utf8');
  envelope.write(checkKeyId(keyId), HEAD_BYTES + entityBytes, 'hex');
  const wrapKey = deriveWrapKey(secret, terms);
  wrapGroupKey(wrapKey, groupKey, envelope, HEAD_BYTES + entityBytes + KEY_ID_BYTES);
  wrapKey.destroy();
  return envelope;
}

/**
 * The parts of an envelope, for a gateway that passes it on.
 * @throws CpnsError ENVELOPE_INVALID with metadata `check`: `tag`, `size`, or `entity` when it names none
 */
export function parseEnvelope(own: Uint8Array): Envelope {
  const bytes = Buffer.from(own.buffer, own.byteOffset, own.byteLength);
  if (bytes.length === 0) throw envelopeInvalid('absent');
  if (bytes[0] !== ENVELOPE_TAG) throw envelopeInvalid('tag');
  if (bytes.length < SIZE_WITHOUT_ENTITY) throw envelopeInvalid('size');
  const keyIdAt = HEAD_BYTES + bytes.readUInt16BE(1);
  const wrapAt = keyIdAt + KEY_ID_BYTES;
  if (bytes.length !== wrapAt + WRAP_BYTES) throw envelopeInvalid('size');
  return {
    entity: entityOf(bytes.subarray(HEAD_BYTES, keyIdAt)),
    keyId: bytes.toString('hex', keyIdAt, wrapAt),
    wrap: Buffer.from(bytes.subarray(wrapAt)),
  };
}

function entityOf(bytes: Buffer): string {
  try {
    // latin1: a byte beyond ASCII stays one character, and no name has it
    return parseEntityUri(bytes.toString('latin1')).uri;
  } catch (cause) {
    throw envelopeInvalid('entity', cause);
  }
}

/**
 * For a gateway that passes an envelope on: that it is the envelope of the member it is said to be for.
 * @throws CpnsError ENVELOPE_INVALID with metadata `check`
 */
export function requireEnvelopeOf(entity: string, own: Uint8Array): Envelope {
  const envelope = parseEnvelope(own);
  if (envelope.entity !== entity) throw envelopeInvalid('entity');
  return envelope;
}

/**
 * The Group Key for the holder of S. It is authentic only once {@link requireCommitment} has held it against a statement.
 * @param keyId of S, in text
 * @throws CpnsError ENVELOPE_INVALID with metadata `check`
 */
export function openEnvelope(secret: EntityUserKey, keyId: string, terms: EnvelopeTerms, own: Uint8Array): GroupKey {
  const envelope = requireEnvelopeOf(terms.entity, own);
  if (envelope.keyId !== keyId) throw envelopeInvalid('key-id');
  const wrapKey = deriveWrapKey(secret, terms);
  try {
    return unwrapGroupKey(wrapKey, envelope.wrap);
  } catch (cause) {
    throw envelopeInvalid('unwrap', cause);
  } finally {
    wrapKey.destroy();
  }
}

/** Size of GKC, in bytes. */
export const COMMITMENT_BYTES = 32;

/** GKC, 32 bytes: it binds a Group Key to its group and version, and does not reveal it. */
export function deriveGroupKeyCommitment(groupKey: GroupKey, groupId: string, version: bigint): Buffer {
  return hkdf(groupKey.expose(), undefined, hkdfInfo('cpns/v1/gk-commit', groupId, version));
}

/** What a Group Key has to be the key of. */
export interface Committed {
  readonly groupId: string;
  readonly version: bigint;
  /** GKC, 32 bytes; empty for a deleted group, which no key fits. */
  readonly commitment: Uint8Array;
}

/**
 * What makes an envelope authentic: the key in it is the one that the Server's statement names.
 * @throws CpnsError COMMITMENT_MISMATCH
 */
export function requireCommitment(groupKey: GroupKey, { groupId, version, commitment }: Committed): void {
  const expected = deriveGroupKeyCommitment(groupKey, groupId, version);
  if (commitment.length !== COMMITMENT_BYTES || !timingSafeEqual(expected, commitment))
    throw unauthenticated('COMMITMENT_MISMATCH', 'the Group Key is not the one that the statement commits to', {
      metadata: { group: groupId, version: String(version) },
    });
}
