/**
 * A Group Key for one member (protocol.md, "Group Key"; GK-PULL, GK-PUSH).
 *
 * ```
 *   0x01  LP(E)  key-id  wrap(Group Key under the wrap key of S, group-id, version, E)
 *    1            16      40
 * ```
 * The group and the version are in the wrap key only: an envelope for another of either does not unwrap.
 */
import { unauthenticated, type EntityUserKey, type GroupKey, parseEntityUri } from '@cpns/core';
import { checkKeyId, deriveWrapKey, KEY_ID_BYTES, type WrapKeyTerms } from '@cpns/key-derivation';
import { unwrapGroupKey, WRAP_BYTES, wrapGroupKey } from './key-wrap';

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
