/**
 * The header of sealed content (protocol.md, "Content"): all of it is authenticated, none of it is secret.
 *
 * ```
 *   0x01  LP(group-id)  u64(version)  LP(sender E)  session  u64(counter)
 *    1                   8                           16       8
 *   |------------------- prefix: the same for a whole session ---------|
 * ```
 */
import { CpnsError, NONCE_BYTES, unauthenticated, checkGroupId, parseEntityUri } from '@cpns/core';
import { checkSize, Message } from '@cpns/key-derivation';

/** First byte of a message. */
export const CONTENT_TAG = 0x01;
/** Size of a session, in bytes. */
export const SESSION_BYTES = NONCE_BYTES;
/** Size of a counter, in bytes. */
export const COUNTER_BYTES = 8;
/** Size of the tag of AES-GCM, in bytes. */
export const CONTENT_TAG_BYTES = 16;
/** The most that a message carries, in bytes (1 MiB): more goes in several messages. */
export const CONTENT_MAX_BYTES = 1_048_576;

/** What all messages of one session have in common. */
export interface ContentTerms {
  readonly groupId: string;
  readonly version: bigint;
  /** E of the sender. Any holder of the Group Key could have written it. */
  readonly sender: string;
  /** 16 random bytes, new at each start of the sender. */
  readonly session: Buffer;
}

export interface ContentHeader extends ContentTerms {
  /** Rises with each message of a session. */
  readonly counter: bigint;
}

/** What is wrong with content: metadata `check` of CONTENT_INVALID. */
export type ContentCheck = 'header' | 'size' | 'tag';

/** CONTENT_INVALID, and which check said so. */
export const contentInvalid = (check: ContentCheck, cause?: unknown) =>
  unauthenticated('CONTENT_INVALID', 'the content was altered, or was not sealed with this Group Key', {
    metadata: { check },
    ...(cause === undefined ? {} : { cause }),
  });

/** @throws CpnsError MESSAGE_TOO_LARGE */
export function checkContentSize(size: number): void {
  if (size > CONTENT_MAX_BYTES)
    throw new CpnsError('MESSAGE_TOO_LARGE', `content of ${size} bytes, ${CONTENT_MAX_BYTES} are allowed`, {
      metadata: { limit: String(CONTENT_MAX_BYTES) },
    });
}

/** @throws CpnsError FIELD_SIZE (session) */
export function encodeContentHeader({ groupId, version, sender, session, counter }: ContentHeader): Buffer {
  checkSize(session, SESSION_BYTES, 'session');
  return new Message('').byte(CONTENT_TAG).text(groupId).u64(version).text(sender).raw(session).u64(counter).bytes();
}

const GROUP_AT = 3;
const VERSION_BYTES = 8;

/**
 * Where the prefix of a message ends. Reads no more than two lengths: names are checked once per session.
 * @throws CpnsError CONTENT_INVALID when the message has no room for header and tag
 */
export function prefixLength(message: Buffer): number {
  if (message.length < GROUP_AT || message[0] !== CONTENT_TAG) throw contentInvalid('header');
  const senderLengthAt = GROUP_AT + message.readUInt16BE(1) + VERSION_BYTES;
  if (message.length < senderLengthAt + 2) throw contentInvalid('header');
  const end = senderLengthAt + 2 + message.readUInt16BE(senderLengthAt) + SESSION_BYTES;
  if (message.length < end + COUNTER_BYTES + CONTENT_TAG_BYTES) throw contentInvalid('size');
  return end;
}

/** @param end what {@link prefixLength} gave @throws CpnsError CONTENT_INVALID for names that are none */
export function readPrefix(message: Buffer, end: number): ContentTerms {
  const versionAt = GROUP_AT + message.readUInt16BE(1);
  const senderAt = versionAt + VERSION_BYTES + 2;
  const sessionAt = end - SESSION_BYTES;
  try {
    return {
      // latin1: a byte beyond ASCII stays one character, and no name has it
      groupId: checkGroupId(message.toString('latin1', GROUP_AT, versionAt)),
      version: message.readBigUInt64BE(versionAt),
      sender: parseEntityUri(message.toString('latin1', senderAt, sessionAt), 'sender').uri,
      session: Buffer.from(message.subarray(sessionAt, end)),
    };
  } catch (cause) {
    throw contentInvalid('header', cause);
  }
}

/** The same bytes, not a copy. */
export const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/**
 * What a message says of itself, before any of it is believed: enough to find the Group Key that it needs.
 * @throws CpnsError CONTENT_INVALID, MESSAGE_TOO_LARGE
 */
export function parseContentHeader(bytes: Uint8Array): ContentHeader {
  const message = asBuffer(bytes);
  const end = prefixLength(message);
  checkContentSize(message.length - end - COUNTER_BYTES - CONTENT_TAG_BYTES);
  return { ...readPrefix(message, end), counter: message.readBigUInt64BE(end) };
}
